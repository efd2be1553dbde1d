# SPDX-License-Identifier: Apache-2.0
"""SQL that finds identities (Key, VersionId) which a table has more than once, and reads each of them once."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from airflow_provider_cosinv.inventory.queries.sql_text import identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What an object, or a version of it, is known by.
IDENTITY = ("Key", "VersionId")

_TABLE = "cos_repeated"


def find_repeated(columns: Collection[str], *, table: str) -> str:
    """
    Return a statement that keeps the hashes of what stands twice; of two identities that have one, too.

    :param columns: of the table
    :param table: SQL
    """
    return (
        f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS SELECT {_hash(columns)} AS identity FROM {table}"
        " GROUP BY 1 HAVING count(*) > 1"
    )


def count_repeated(connection: DuckDBPyConnection) -> int:
    """Return how many hashes :func:`find_repeated` kept."""
    ((count,),) = connection.execute(f"SELECT count(*) FROM {_TABLE}").fetchall()
    return int(count)


def once(columns: Collection[str], *, table: str) -> str:
    """
    Return SQL of the rows of a table, one for each identity: the one of the latest ``LastModifiedDate``.

    :param columns: of the table
    :param table: SQL, which is read twice; :func:`find_repeated` has run over it
    """
    is_repeated = f"{_hash(columns)} IN (SELECT identity FROM {_TABLE})"
    # All columns decide, so that the answer is the same each time.
    order = ["LastModifiedDate"] if "LastModifiedDate" in columns else []
    order += [identifier(column) for column in columns if column not in (*IDENTITY, "LastModifiedDate")]
    by = f" ORDER BY {', '.join(f'{column} DESC NULLS LAST' for column in order)}" if order else ""
    partition = ", ".join(_identity(columns))
    return (
        f"SELECT * FROM {table} WHERE NOT {is_repeated} UNION ALL BY NAME SELECT * FROM {table} WHERE {is_repeated}"
        f" QUALIFY row_number() OVER (PARTITION BY {partition}{by}) = 1"
    )


def _hash(columns: Collection[str]) -> str:
    return f"hash({', '.join(_identity(columns))})"


def _identity(columns: Collection[str]) -> list[str]:
    return [column for column in IDENTITY if column in columns]
