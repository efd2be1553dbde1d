# SPDX-License-Identifier: Apache-2.0
"""
polars: ``scan_csv`` over all data files, lazily, into ``sink_parquet`` or a streamed ``group_by``.

It checks neither MD5 nor the number of rows, and fills rows that are too short. It has no percent-decoding; hex is
the nearest it has, and what runs fastest: a key is cut at each ``%`` and its pieces go through hex and back. Tags are
maps.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.table_rivals.task import THREADS, ZSTD_LEVEL, Group, Task, as_groups

os.environ["POLARS_MAX_THREADS"] = str(THREADS)
polars = import_module("polars")

_TYPES = {"Size": polars.Int64, "Crc64": polars.UInt64}


def parquet(task: Task) -> None:
    """Write Parquet."""
    _csv(task).with_columns(
        _decoded(polars.col("Key")),
        polars.col("LastModifiedDate").str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="us", time_zone="UTC", strict=True
        ),
        polars.col("IsMultipartUploaded") == "True",
        _tags(polars.col("Tag")),
    ).sink_parquet(
        Path(task.output, "inventory.parquet"),
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        maintain_order=False,
    )


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files; only the prefixes of the groups are decoded."""
    groups = _grouped(_csv(task)).with_columns(_decoded(polars.col("Prefix")))
    return as_groups(groups.collect(engine="streaming").iter_rows())


def aggregate_parquet(task: Task) -> list[Group]:
    """Sum up Parquet."""
    return as_groups(_grouped(polars.scan_parquet(task.parquet)).collect(engine="streaming").iter_rows())


def _csv(task: Task) -> Any:
    schema = {name: _TYPES.get(name, polars.String) for name in task.columns}
    return polars.scan_csv(task.paths, has_header=False, schema=schema, null_values="")


def _grouped(frame: Any) -> Any:
    prefix = polars.col("Key").str.split_exact("/", 1).struct.field("field_0").alias("Prefix")
    return frame.group_by("StorageClass", prefix).agg(polars.len().alias("objects"), polars.col("Size").sum())


def _decoded(text: Any) -> Any:
    pieces = text.str.split("%")
    piece = polars.element()
    rest = pieces.list.slice(1).list.eval(piece.str.head(2) + piece.str.slice(2).str.encode("hex")).list.join("")
    decoded = (pieces.list.first().str.encode("hex") + rest).str.decode("hex").cast(polars.String)
    return polars.when(text.str.contains("%", literal=True)).then(decoded).otherwise(text)


def _tags(text: Any) -> Any:
    pair = polars.element().str.split_exact("=", 1)
    names = {"key": "field_0", "value": "field_1"}
    both = polars.struct(*(_decoded(pair.struct.field(field)).alias(name) for name, field in names.items()))
    return text.str.split("&").list.eval(both).cast(polars.Map(polars.String, polars.String))
