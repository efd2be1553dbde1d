# SPDX-License-Identifier: Apache-2.0
"""The operators; modules with an underscore help them.

Imports every room below. Begin with cos_inventory.py.
"""
