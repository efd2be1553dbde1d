# SPDX-License-Identifier: Apache-2.0
"""Parquet files as a table in SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_cosinv.inventory.queries.sql_text import literal

_WILDCARDS = re.compile(r"[*?[]")


def parquet_table(paths: Iterable[str], *, row_numbers: bool = False) -> str:
    """
    Return Parquet files as a table in SQL, with the columns in them and no others.

    :param paths: paths of the files; see :func:`exactly`
    :param row_numbers: add a column ``file_row_number``
    """
    files = ", ".join(literal(exactly(path)) for path in paths)
    # Disable hive partitioning: DuckDB would read a folder named size=9 as a column and override the file's values.
    return f"read_parquet([{files}], hive_partitioning = false, file_row_number = {str(row_numbers).lower()})"


def exactly(path: str) -> str:
    """
    Return the pattern by which DuckDB finds this file and no other.

    :param path: path of a local file, or a URL of a file system without wildcards
    """
    return path if "://" in path and not path.startswith("file:") else _WILDCARDS.sub(r"[\g<0>]", path)
