# SPDX-License-Identifier: Apache-2.0
"""The triggers that wait in the triggerer.

Imports every room below, and no client that blocks. Begin with cos_inventory.py.
"""
