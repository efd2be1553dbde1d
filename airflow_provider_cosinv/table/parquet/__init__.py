# SPDX-License-Identifier: Apache-2.0
"""Parquet parts of a report: written, opened together, read by folders.

Imports table. Begin with parts_table.py.
"""
