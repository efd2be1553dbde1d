# SPDX-License-Identifier: Apache-2.0
"""Names and texts as SQL reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What means something in a pattern of files.
_OF_PATTERNS = re.compile(r"[*?[]")


def identifier(name: str) -> str:
    """Return a name of a column or table as SQL reads it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL reads it."""
    quoted = "'" + text.replace("'", "''") + "'"
    # DuckDB before 2.0 takes it for the end of the statement.
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else quoted


def one_class(column: str) -> str:
    """
    Return SQL of a storage class, equal for all spellings of one: ``STANDARD_IA`` and ``StandardIA``.

    :param column: SQL of the class as COS writes it
    """
    return f"upper(replace({column}, '_', ''))"


def parquet_table(paths: Iterable[str], *, row_numbers: bool = False) -> str:
    """
    Return Parquet files as a table in SQL: the columns that are in them, and no others.

    :param paths: of the files; see :func:`exactly`
    :param row_numbers: add a column ``file_row_number``
    """
    files = ", ".join(literal(exactly(path)) for path in paths)
    # A folder such as size=9 is no column: DuckDB would take it for one, and its value in place of that in the file.
    return f"read_parquet([{files}], hive_partitioning = false, file_row_number = {str(row_numbers).lower()})"


def exactly(path: str) -> str:
    """
    Return the pattern by which DuckDB finds this file, and no other.

    :param path: of a local file, or a URL of a file system that knows no patterns
    """
    return path if "://" in path and not path.startswith("file:") else _OF_PATTERNS.sub(r"[\g<0>]", path)
