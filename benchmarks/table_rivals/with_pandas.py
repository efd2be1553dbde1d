# SPDX-License-Identifier: Apache-2.0
"""
pandas: ``read_csv`` of one data file after the other, ``unquote`` for the keys; a Parquet part for each.

It checks neither MD5 nor the number of rows, and fills rows that are too short. Tags stay text: it has no maps. It
takes one core.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from benchmarks.table_rivals.task import ZSTD_LEVEL, Group, Task, as_groups

pandas = import_module("pandas")
import_module("pyarrow.parquet")

_TYPES = {"Size": "int64", "IsMultipartUploaded": "bool", "Crc64": "uint64", "StorageClass": "category"}


def parquet(task: Task) -> None:
    """Write Parquet."""
    for place, frame in enumerate(_frames(task, task.columns)):
        frame["Key"] = frame["Key"].map(unquote)
        frame["LastModifiedDate"] = pandas.to_datetime(frame["LastModifiedDate"], format="ISO8601", utc=True)
        part = Path(task.output, f"{place}.parquet")
        frame.to_parquet(part, compression="zstd", compression_level=ZSTD_LEVEL, index=False)


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files; only the prefixes of the groups are decoded."""
    sums = pandas.concat(_grouped(frame) for frame in _frames(task, ["Key", "Size", "StorageClass"]))
    return _as_groups(sums)


def aggregate_parquet(task: Task) -> list[Group]:
    """Sum up Parquet."""
    return _as_groups(_grouped(pandas.read_parquet(task.parquet, columns=["Key", "Size", "StorageClass"])))


def _frames(task: Task, columns: list[str]) -> Iterator[Any]:
    types = {name: _TYPES.get(name, "str") for name in columns}
    for path in task.paths:
        # Without these a key that reads NULL or nan would be missing.
        yield pandas.read_csv(
            path, header=None, names=task.columns, usecols=columns, dtype=types, keep_default_na=False, na_values=[""]
        )


def _grouped(frame: Any) -> Any:
    prefix = frame["Key"].str.partition("/")[0].rename("Prefix")
    return frame.groupby([frame["StorageClass"].astype("str"), prefix])["Size"].agg(["size", "sum"])


def _as_groups(sums: Any) -> list[Group]:
    total = sums.groupby(level=[0, 1]).sum()
    return as_groups(
        (name, unquote(prefix), *row) for (name, prefix), row in zip(total.index, total.values, strict=True)
    )
