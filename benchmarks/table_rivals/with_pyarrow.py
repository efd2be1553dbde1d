# SPDX-License-Identifier: Apache-2.0
"""
pyarrow: ``open_csv`` with its own gzip, in blocks, a thread for each of two data files; a Parquet part for each.

It checks neither MD5 nor the number of rows. Columns have their types, tags are maps. Keys are decoded by numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.table_rivals.decoding import percent_decoded
from benchmarks.table_rivals.task import BLOCK_BYTES, THREADS, ZSTD_LEVEL, Group, Task, as_groups

pyarrow = import_module("pyarrow")
compute = import_module("pyarrow.compute")
csv = import_module("pyarrow.csv")
dataset = import_module("pyarrow.dataset")
parquet_files = import_module("pyarrow.parquet")

_TYPES = {
    "Size": pyarrow.int64(),
    "LastModifiedDate": pyarrow.timestamp("us", "UTC"),
    "IsMultipartUploaded": pyarrow.bool_(),
    "Crc64": pyarrow.uint64(),
}


def parquet(task: Task) -> None:
    """Write Parquet."""
    pyarrow.set_cpu_count(THREADS)

    def convert(place: int) -> None:
        writer = None
        for batch in _batches(task, task.paths[place], task.columns):
            typed = _typed(batch)
            if writer is None:
                part = Path(task.output, f"{place}.parquet")
                writer = parquet_files.ParquetWriter(
                    part, typed.schema, compression="zstd", compression_level=ZSTD_LEVEL
                )
            writer.write_batch(typed)
        if writer is not None:
            writer.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(convert, range(len(task.paths))))


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files."""
    pyarrow.set_cpu_count(THREADS)

    def summed(path: str) -> list[Any]:
        batches = _batches(task, path, ["Key", "Size", "StorageClass"])
        return [_grouped(pyarrow.Table.from_batches([batch])) for batch in batches]

    with ThreadPoolExecutor(THREADS) as pool:
        parts = [part for parts in pool.map(summed, task.paths) for part in parts]
    both = pyarrow.concat_tables(parts).group_by(["StorageClass", "Prefix"])
    return _as_groups(both.aggregate([("Size_count", "sum"), ("Size_sum", "sum")]), "Size_count_sum", "Size_sum_sum")


def aggregate_parquet(task: Task) -> list[Group]:
    """Sum up Parquet."""
    pyarrow.set_cpu_count(THREADS)
    parts = [
        _grouped(pyarrow.Table.from_batches([batch]))
        for batch in dataset.dataset(task.parquet).to_batches(columns=["Key", "Size", "StorageClass"])
    ]
    both = pyarrow.concat_tables(parts).group_by(["StorageClass", "Prefix"])
    return _as_groups(both.aggregate([("Size_count", "sum"), ("Size_sum", "sum")]), "Size_count_sum", "Size_sum_sum")


def _batches(task: Task, path: str, columns: list[str]) -> Iterator[Any]:
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(column_names=task.columns, block_size=BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=False),
        convert_options=csv.ConvertOptions(
            column_types={name: _TYPES.get(name, pyarrow.string()) for name in task.columns},
            timestamp_parsers=[csv.ISO8601],
            true_values=["True"],
            false_values=["False"],
            null_values=[""],
            strings_can_be_null=True,
            include_columns=columns,
        ),
    )
    yield from reader


def _typed(batch: Any) -> Any:
    batch = batch.set_column(batch.schema.get_field_index("Key"), "Key", percent_decoded(batch["Key"]))
    return batch.set_column(batch.schema.get_field_index("Tag"), "Tag", _tags(batch["Tag"]))


def _tags(texts: Any) -> Any:
    lists = compute.split_pattern(texts, "&")
    pairs = compute.split_pattern(lists.flatten(), "=", max_splits=1)
    keys, values = (percent_decoded(compute.list_element(pairs, place)) for place in range(2))
    return pyarrow.MapArray.from_arrays(lists.offsets, keys, values, mask=lists.is_null())


def _grouped(table: Any) -> Any:
    slashes = compute.split_pattern(table["Key"], "/", max_splits=1)
    named = pyarrow.table(
        {
            "StorageClass": table["StorageClass"],
            "Prefix": compute.list_element(slashes, 0),
            "Size": table["Size"],
        }
    )
    grouped = named.group_by(["StorageClass", "Prefix"]).aggregate([("Size", "count"), ("Size", "sum")])
    prefixes = percent_decoded(grouped["Prefix"].combine_chunks())
    return grouped.set_column(grouped.schema.get_field_index("Prefix"), "Prefix", prefixes)


def _as_groups(table: Any, objects: str, size: str) -> list[Group]:
    columns = [table[name].to_pylist() for name in ("StorageClass", "Prefix", objects, size)]
    return as_groups(zip(*columns, strict=True))
