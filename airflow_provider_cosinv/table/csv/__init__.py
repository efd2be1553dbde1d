# SPDX-License-Identifier: Apache-2.0
"""Data files stream into DuckDB as Arrow batches, verified on the way.

Imports inventory.rows. Begin with report_table.py, then parallel_reader.py.
"""
