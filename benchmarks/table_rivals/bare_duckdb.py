# SPDX-License-Identifier: Apache-2.0
"""
Bare DuckDB: one ``read_csv`` over all data files, with the types of the columns given, in no promised order.

It checks neither MD5 nor the CRC of gzip nor the number of rows; a wrong escape in a key stays as it is. Its memory is
not bounded.
"""

from __future__ import annotations

from pathlib import Path

import duckdb  # noqa: TID253  a rival imports before its clock starts

from benchmarks.table_rivals.task import THREADS, ZSTD_LEVEL, Group, Task, as_groups

_TYPES = {"Size": "BIGINT", "LastModifiedDate": "TIMESTAMPTZ", "IsMultipartUploaded": "BOOLEAN", "Crc64": "UBIGINT"}
_PREFIX = "split_part(Key, '/', 1)"
_TAGS = (
    "map_from_entries(list_transform(string_split(Tag, '&'),"
    " lambda pair: {'k': url_decode(split_part(pair, '=', 1)), 'v': url_decode(split_part(pair, '=', 2))}))"
)


def parquet(task: Task) -> None:
    """Write Parquet."""
    part = Path(task.output, "inventory.parquet")
    with _connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (url_decode(Key) AS Key, {_TAGS} AS Tag) FROM {_csv(task)})"
            f" TO '{part}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {ZSTD_LEVEL})"
        )


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files; only the prefixes of the groups are decoded."""
    with _connect() as connection:
        return _groups(connection, _csv(task), "url_decode(prefix)")


def aggregate_parquet(task: Task) -> list[Group]:
    """Sum up Parquet."""
    with _connect() as connection:
        return _groups(connection, f"read_parquet('{task.parquet}')", "prefix")


def diff(task: Task) -> list[int]:
    """Compare two reports: return how many objects are new, gone and changed."""
    with _connect() as connection:
        row = connection.execute(
            "SELECT count_if(a.Key IS NULL), count_if(b.Key IS NULL), count_if(a.Key = b.Key AND (a.Size, a.ETag,"
            " a.StorageClass) IS DISTINCT FROM (b.Size, b.ETag, b.StorageClass))"
            f" FROM read_parquet('{task.parquet}') a FULL JOIN read_parquet('{task.second_parquet}') b ON a.Key = b.Key"
        ).fetchone()
    assert row is not None
    return list(row)


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _csv(task: Task) -> str:
    types = ", ".join(f"'{name}': '{_TYPES.get(name, 'VARCHAR')}'" for name in task.columns)
    return (
        f"read_csv({task.paths!r}, columns = {{{types}}}, header = false, auto_detect = false, delim = ',',"
        " quote = '\"', escape = '\"', nullstr = '', compression = 'gzip')"
    )


def _groups(connection: duckdb.DuckDBPyConnection, source: str, prefix: str) -> list[Group]:
    return as_groups(
        connection.execute(
            f"SELECT StorageClass, {prefix}, objects, size FROM (SELECT StorageClass, {_PREFIX} AS prefix,"
            f" count(*) AS objects, sum(Size) AS size FROM {source} GROUP BY ALL)"
        ).fetchall()
    )
