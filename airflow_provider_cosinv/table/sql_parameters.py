# SPDX-License-Identifier: Apache-2.0
"""
Values for the parameters of a query, ``$name``, which never become part of its text. Comes with the extra ``table``.

A query is a view here, and DuckDB's views take no parameters. They take variables of the connection, which have types
and are constants of a plan, as parameters are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PREFIX = "cos_parameter_"
# As DuckDB has them: each byte beyond ASCII is a letter.
_NAME = re.compile(rb'"(?:[^"]|"")*"|[0-9A-Za-z_\x80-\xff]+')


def bind(connection: DuckDBPyConnection, sql: str, names: Collection[str], values: Mapping[str, Any]) -> str:
    """
    Set the parameters of a query as variables, and return the query that reads them.

    :param connection: of DuckDB
    :param sql: one statement
    :param names: its parameters, as DuckDB found them
    :param values: of the parameters, by name; upper and lower case are the same
    :raises COSInventoryConfigurationError: if a value is missing, is of no parameter, or is not one that DuckDB takes
    """
    _check(names, values)
    if not names:
        return sql
    import duckdb

    given = {name.lower(): value for name, value in values.items()}
    for name in names:
        variable = identifier(_PREFIX + name.lower())
        try:
            connection.execute(f"SET VARIABLE {variable} = ?", [given[name.lower()]])
        except duckdb.Error as error:
            raise COSInventoryConfigurationError(
                f"The value of the parameter {shown(name)} is not one that SQL takes: {shown(error)}",
                parameter="parameters",
                hint="Give text, numbers, True, False, None, or lists and mappings of them.",
            ) from error
    text = sql.encode()
    pieces, end = [], 0
    for start, behind, name in _found(sql, text):
        pieces += [text[end:start], f"getvariable({literal(_PREFIX + name.lower())})".encode()]
        end = behind
    return b"".join([*pieces, text[end:]]).decode()


def _check(names: Collection[str], values: Mapping[str, Any]) -> None:
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise COSInventoryConfigurationError(
            f"{quoted(values)} is not a mapping of parameters.",
            parameter="parameters",
            hint='Give a mapping, such as {"least": 1000}, whose value SQL reads as $least.',
        )
    if any(name.isdecimal() for name in names):
        raise COSInventoryConfigurationError(
            "The SQL has a parameter without a name.",
            parameter="sql",
            hint="Write $name in place of ? or $1, and give the value in parameters, by that name.",
        )
    wanted, given = ({name.lower() for name in some} for some in (names, values))
    if missing := wanted - given:
        raise COSInventoryConfigurationError(
            f"The SQL has parameters without a value: {_listed(missing)}.",
            parameter="parameters",
            hint="Give the values in parameters, by name.",
        )
    if unknown := given - wanted:
        raise COSInventoryConfigurationError(
            f"The SQL has no parameter {_listed(unknown)}.",
            parameter="parameters",
            hint="Correct the name, or leave the value away.",
        )


def _listed(names: Iterable[str]) -> str:
    return shown(", ".join(f"${name}" for name in sorted(names)))


def _found(sql: str, text: bytes) -> Iterator[tuple[int, int, str]]:
    """
    Yield where each parameter begins and ends, in bytes, and its name.

    DuckDB tells parameters from what is in texts and comments.
    """
    import duckdb

    tokens = [start for start, _ in duckdb.tokenize(sql)]
    for start, behind in pairwise(tokens):
        name = _NAME.match(text, behind)
        if name and text[start:behind].rstrip() == b"$":
            yield start, name.end(), name[0].decode().strip('"').replace('""', '"')
