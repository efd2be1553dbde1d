# SPDX-License-Identifier: Apache-2.0
"""What a rival gets to do, and the shape of its answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

#: Storage class, top-level prefix without its slash, objects, bytes.
Group = tuple[str, str, int, int]

THREADS = 2
#: For all: the defaults differ (3 in DuckDB and polars, 1 in pyarrow), and take more time than they save bytes.
ZSTD_LEVEL = 1
#: Of CSV, which make a row group of Parquet where a rival reads in blocks.
BLOCK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Task:
    """
    What to read and where to write.

    :param folder: that holds the reports
    :param files: data files of the first report
    :param rows: of the report
    :param report: which one to read
    :param paths: its data files
    :param columns: their columns
    :param parquet: the same report as Parquet
    :param second_parquet: the second report as Parquet
    :param output: an empty folder for what is written
    """

    folder: str
    files: int
    rows: int
    report: str
    paths: list[str]
    columns: list[str]
    parquet: str
    second_parquet: str
    output: str

    def as_dict(self) -> dict[str, Any]:
        """Return the task as JSON-able data."""
        return asdict(self)

    @property
    def column_places(self) -> dict[str, int]:
        """Return the place of each column."""
        return {name: place for place, name in enumerate(self.columns)}


def as_groups(rows: Iterable[Iterable[Any]]) -> list[Group]:
    """Return the groups of an aggregate in their order, so that answers can be compared."""
    return sorted((str(name), str(prefix), int(objects), int(size)) for name, prefix, objects, size in rows)
