# SPDX-License-Identifier: Apache-2.0
"""
The loop that people write: ``gzip``, ``csv``, ``urllib``; dicts for sums, and batches through pyarrow for Parquet.

It checks neither MD5 nor the number of rows. Tags stay text. It takes one core.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from benchmarks.table_rivals.task import ZSTD_LEVEL, Group, Task, as_groups

#: What a work needs, imported before its clock starts.
IMPORTS = {"parquet": ("pyarrow.parquet",)}

_BATCH_ROWS = 100_000


def parquet(task: Task) -> None:
    """Write Parquet."""
    pyarrow = import_module("pyarrow")
    types = {
        "Size": pyarrow.int64(),
        "LastModifiedDate": pyarrow.timestamp("us", "UTC"),
        "IsMultipartUploaded": pyarrow.bool_(),
        "Crc64": pyarrow.uint64(),
    }
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in task.columns])
    part = Path(task.output, "inventory.parquet")
    open_writer = import_module("pyarrow.parquet").ParquetWriter
    with open_writer(part, schema, compression="zstd", compression_level=ZSTD_LEVEL) as writer:
        rows = typed_rows(task.paths)
        while batch := list(islice(rows, _BATCH_ROWS)):
            arrays = [
                pyarrow.array(values, kind) for values, kind in zip(zip(*batch, strict=True), schema.types, strict=True)
            ]
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files; only the prefixes of the groups are decoded."""
    places = task.column_places
    key, size, storage_class = places["Key"], places["Size"], places["StorageClass"]
    objects: dict[tuple[str, str], int] = defaultdict(int)
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for row in _rows(task.paths):
        group = (row[storage_class], row[key].partition("/")[0])
        objects[group] += 1
        sizes[group] += int(row[size])
    return as_groups((name, unquote(prefix), objects[name, prefix], sizes[name, prefix]) for name, prefix in objects)


def records(task: Task) -> list[int]:
    """Go over all rows, typed: return how many there are and their bytes."""
    size = task.column_places["Size"]
    count = total = 0
    for row in typed_rows(task.paths):
        count += 1
        total += row[size] or 0
    return [count, total]


def _rows(paths: Iterable[str | Path]) -> Iterator[list[str]]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.reader(file)


def typed_rows(paths: Iterable[str | Path]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows as people read them."""
    for appid, bucket, key, size, modified, etag, storage_class, multipart, replication, tag, crc64 in _rows(paths):
        yield (
            appid,
            bucket,
            unquote(key),
            int(size) if size else None,
            datetime.fromisoformat(modified) if modified else None,
            etag or None,
            storage_class or None,
            multipart == "True" if multipart else None,
            replication or None,
            tag or None,
            int(crc64) if crc64 else None,
        )
