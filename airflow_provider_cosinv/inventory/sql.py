# SPDX-License-Identifier: Apache-2.0
"""Names and texts as SQL reads them."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return a name of a column or table as SQL reads it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL reads it."""
    quoted = "'" + text.replace("'", "''") + "'"
    # DuckDB before 2.0 takes it for the end of the statement.
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else quoted
