# SPDX-License-Identifier: Apache-2.0
"""The limit of a diff: the columns that are compared are read, of both reports, by DuckDB, and nothing is compared."""

from __future__ import annotations

import duckdb  # noqa: TID253  a rival imports before its clock starts

from benchmarks.table_rivals.task import THREADS, Task


def diff(task: Task) -> None:
    """Read all of both reports that tells what is new, gone or changed."""
    with duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        connection.execute(
            "SELECT sum(strlen(Key)), sum(Size), sum(strlen(ETag)), sum(strlen(StorageClass))"
            f" FROM read_parquet(['{task.parquet}', '{task.second_parquet}'])"
        ).fetchone()
