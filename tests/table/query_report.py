# SPDX-License-Identifier: Apache-2.0
"""A small report whose sums were done by hand, as tables of DuckDB."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import duckdb

from airflow_provider_cosinv.inventory.queries.catalogue import ready_query
from airflow_provider_cosinv.table.columns import DECODE_KEY_MACRO

TYPES = {
    "Key": "VARCHAR",
    "VersionId": "VARCHAR",
    "IsLatest": "BOOLEAN",
    "IsDeleteMarker": "BOOLEAN",
    "Size": "BIGINT",
    "LastModifiedDate": "TIMESTAMPTZ",
    "ETag": "VARCHAR",
    "StorageClass": "VARCHAR",
    "IsMultipartUploaded": "BOOLEAN",
    "ReplicationStatus": "VARCHAR",
}
#: The time that ages are counted from.
NOW = "2026-11-01T00:00:00Z"

# An empty field is NULL.
REPORT = """\
readme.txt      |v1|true |false|100 |2026-10-31 00:00:00Z|aa  |STANDARD   |false|COMPLETED
100%.txt        |v1|true |false|0   |2026-10-25 00:00:00Z|d4  |Standard   |false|completed
logs            |v1|true |false|100 |2026-10-02 00:00:00Z|aa  |STANDARD   |false|
/odd            |v1|true |false|7   |2026-11-01 00:00:00Z|aa  |STANDARD   |false|
logs/2026/a.log |v2|true |false|1000|2026-10-25 00:00:01Z|bb  |STANDARD   |false|
logs/2026/a.log |v1|false|false|900 |2026-09-01 00:00:00Z|ba  |STANDARD_IA|false|
logs/2026/b.log |v1|true |false|1000|2026-06-01 00:00:00Z|bb  |Standard_IA|false|Replica
logs/2025/c.log |v1|true |false|1000|2025-12-01 00:00:00Z|bb  |StandardIA |false|REPLICA
logs/x.log      |v1|true |false|    |2024-01-01 00:00:00Z|    |           |     |
数据/表.csv     |v1|true |false|5000|2026-11-02 00:00:00Z|cc-2|STANDARD   |true |FAILED
数据/图 1.png   |v1|true |false|5000|                    |cc-2|ARCHIVE    |true |PENDING
数据/图+1.png   |v1|true |false|5000|2024-11-01 00:00:00Z|cc-3|ARCHIVE    |true |
tmp/50%2F50/x   |v1|true |false|10  |2026-11-01 00:00:00Z|d1  |STANDARD   |false|
tmp/gone.txt    |v2|true |true |    |2026-10-30 00:00:00Z|    |           |     |
tmp/gone.txt    |v1|false|false|300 |2026-08-01 00:00:00Z|d2  |STANDARD   |false|
tmp/bare.txt    |v3|true |true |    |2026-10-15 00:00:00Z|    |           |     |
tmp/bare.txt    |v2|false|true |    |2026-10-10 00:00:00Z|    |           |     |
tmp/back.txt    |v3|true |false|20  |2026-10-30 00:00:00Z|d3  |STANDARD   |false|
tmp/back.txt    |v2|false|true |0   |2026-10-20 00:00:00Z|    |           |     |
tmp/back.txt    |v1|false|false|20  |2026-10-01 00:00:00Z|d3  |STANDARD   |false|
tmp/old<newline>|  |     |false|30  |2026-02-01 00:00:00Z|d5  |ARCHIVE    |false|
"""


def report_rows() -> list[list[str | None]]:
    """Return the rows of the report, as text."""
    rows = csv.reader(REPORT.splitlines(), delimiter="|")
    return [[field.strip().replace("<newline>", "\n") or None for field in row] for row in rows]


def make_tables(
    connection: duckdb.DuckDBPyConnection,
    rows: list[list[str | None]],
    encode: Callable[[str], str] = quote,
) -> None:
    """Make ``inventory`` and ``inventory_encoded``."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(DECODE_KEY_MACRO)
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    for name in ("inventory", "inventory_encoded"):
        connection.execute(f"CREATE TABLE {name} ({columns})")
    for row in rows:
        encoded = [encode(row[0] or ""), *row[1:]]
        for name, values in (("inventory", row), ("inventory_encoded", encoded)):
            connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", values)


def answer(
    connection: duckdb.DuckDBPyConnection, name: str, arguments: dict[str, Any] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return the rows of a ready-made query, with shares and money to four places."""
    options.setdefault("columns", TYPES)
    sql = ready_query(name, arguments, **options)
    # DuckDB hands times with a zone out only where pytz is installed.
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    texts = [f'"{column}"::VARCHAR AS "{column}"' for column, kind, *_ in described if kind.endswith("TIME ZONE")]
    result = connection.execute(f"SELECT *{f' REPLACE ({chr(44).join(texts)})' if texts else ''} FROM ({sql})")
    names = [column[0] for column in result.description]
    return [
        {name: round(value, 4) if isinstance(value, float) else value for name, value in zip(names, row, strict=True)}
        for row in result.fetchall()
    ]


def as_tuples(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return rows as tuples."""
    return [tuple(row.values()) for row in rows]
