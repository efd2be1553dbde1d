# SPDX-License-Identifier: Apache-2.0
"""The sensor.

Imports every room below. Begin with cos_inventory.py.
"""
