# SPDX-License-Identifier: Apache-2.0
"""A selection of a report written as an inventory of its own.

Imports table. Begin with writer.py.
"""
