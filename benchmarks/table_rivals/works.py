# SPDX-License-Identifier: Apache-2.0
"""What is measured, and who can do it."""

from __future__ import annotations

from dataclasses import dataclass

#: The rivals by the names of their modules, in the order of the tables.
RIVALS = {
    "this_package": "**this package**",
    "bare_duckdb": "bare DuckDB",
    "with_polars": "polars",
    "with_pyarrow": "pyarrow",
    "with_pandas": "pandas",
    "csv_loop": "csv loop",
    "limit": "inflate and MD5 alone",
    "reading": "reading alone",
}
_OF_CSV = tuple(rival for rival in RIVALS if rival != "reading")


@dataclass(frozen=True, kw_only=True)
class Work:
    """
    One work.

    :param title: of its table
    :param rivals: that can do it
    :param writes: whether Parquet is written, which is then described
    :param reads_parquet: whether it needs the two reports as Parquet
    """

    title: str
    rivals: tuple[str, ...]
    writes: bool = False
    reads_parquet: bool = False


#: The works by the names of the rivals' functions.
WORKS = {
    "parquet": Work(title="csv.gz to Parquet (zstd)", rivals=_OF_CSV, writes=True),
    "aggregate": Work(title="Bytes and objects by storage class and top prefix, from csv.gz", rivals=_OF_CSV),
    "aggregate_parquet": Work(
        title="The same from Parquet",
        rivals=("this_package", "bare_duckdb", "with_polars", "with_pyarrow", "with_pandas"),
        reads_parquet=True,
    ),
    "records": Work(title="Typed records in Python", rivals=("this_package", "csv_loop")),
    "diff": Work(
        title="Diff of two reports, from Parquet",
        rivals=("this_package", "bare_duckdb", "reading"),
        reads_parquet=True,
    ),
}


def title_of(work: str) -> str:
    """Return the title of a work; one on ten times the rows has ``tenfold`` behind its name."""
    name, _, tenfold = work.partition(" ")
    return WORKS[name].title + (", ten times the rows" if tenfold else "")
