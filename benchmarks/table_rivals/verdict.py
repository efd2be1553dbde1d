# SPDX-License-Identifier: Apache-2.0
"""What Parquet holds, in a few numbers: whoever wrote the same rows gets the same ones."""

from __future__ import annotations

from typing import Any

import duckdb  # noqa: TID253  a program of its own

from benchmarks.table_rivals.task import Task

_CONTENT = {
    "rows": "count(*)",
    "Appid": "sum(hash(Appid))",
    "Bucket": "sum(hash(Bucket))",
    "Key": "sum(hash(Key))",
    "Size": "sum(Size)",
    "LastModifiedDate": "sum(epoch_us(LastModifiedDate))",
    "ETag": "sum(hash(ETag))",
    "StorageClass": "sum(hash(StorageClass))",
    "IsMultipartUploaded": "count_if(IsMultipartUploaded)",
    "ReplicationStatus": "count(ReplicationStatus)",
    "Tag": "count(Tag)",
    "Crc64": "sum(Crc64)",
}
_TYPES = {
    "Size": "BIGINT",
    "LastModifiedDate": "TIMESTAMP WITH TIME ZONE",
    "IsMultipartUploaded": "BOOLEAN",
    "Crc64": "UBIGINT",
}


def describe(task: Task) -> dict[str, Any]:
    """Describe what was written to the output; the tags one by one only where they are maps."""
    source = f"read_parquet('{task.output}/*.parquet')"
    with duckdb.connect() as connection:
        types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})").fetchall())
        content = dict(_CONTENT)
        if types["Tag"].startswith("MAP"):
            content["tags"] = "sum(hash(map_entries(Tag)::VARCHAR))"
        columns = ", ".join(f'{expression} AS "{name}"' for name, expression in content.items())
        values = connection.execute(f"SELECT {columns} FROM {source}").fetchone()
    assert values is not None
    wrong = {name: types[name] for name, kind in _TYPES.items() if types[name] != kind}
    if wrong:
        raise TypeError(f"Columns have other types: {wrong}")
    return {name: str(value) for name, value in zip(content, values, strict=True)}
