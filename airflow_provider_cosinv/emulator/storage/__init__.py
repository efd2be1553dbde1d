# SPDX-License-Identifier: Apache-2.0
"""Buckets and objects of the emulator, in memory or in a folder.

Imports no other room of the emulator. Begin with buckets.py.
"""
