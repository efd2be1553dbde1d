# SPDX-License-Identifier: Apache-2.0
"""Names and texts, quoted for SQL."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return the name of a column or table, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    quoted = "'" + text.replace("'", "''") + "'"
    # DuckDB before 2.0 takes a NUL for the end of the statement.
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else quoted


def one_class(column: str) -> str:
    """
    Return SQL of a storage class, equal for all spellings of one: ``STANDARD_IA`` and ``StandardIA``.

    :param column: SQL of the class as COS writes it
    """
    return f"upper(replace({column}, '_', ''))"
