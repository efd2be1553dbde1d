# SPDX-License-Identifier: Apache-2.0
"""Inventory rules and jobs of the emulator, and the reports it delivers.

Imports storage and the inventory room. Begin with jobs.py.
"""
