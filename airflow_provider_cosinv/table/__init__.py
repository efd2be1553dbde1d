# SPDX-License-Identifier: Apache-2.0
"""A report as a table in DuckDB; needs the extra ``table``.

Imports inventory. Begin with relation.py, then csv/report_table.py and parquet/parts_table.py.
"""
