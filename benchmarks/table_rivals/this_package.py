# SPDX-License-Identifier: Apache-2.0
"""
This package, with its default memory limit.

All that it reads is verified: the MD5 and size of each data file, its gzip, each value of a column that is read, and
the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb  # noqa: F401, TID253  imported before the clock starts, as the rivals do

from airflow_provider_cosinv.inventory.queries.catalogue import ready_query
from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.diff.diff_table import DiffSide, DiffTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.relation import Relation
from benchmarks.table_data import ReportFolder
from benchmarks.table_rivals.task import THREADS, Group, Task, as_groups

#: By work: imported by the package when it is needed, and by this benchmark before the clock starts, as by the rivals.
_READER = ("airflow_provider_cosinv.table.csv.arrow_reader", "airflow_provider_cosinv.table.csv.arrow_stream")
IMPORTS = {"aggregate": _READER, "parquet": (*_READER, "airflow_provider_cosinv.table.parquet.writer")}

_READ_BYTES = 1024 * 1024
_SETTINGS = EngineSettings(threads=THREADS)
_MAX_ROWS = 10_000


def parquet(task: Task) -> None:
    """Write Parquet."""
    with open_engine(_SETTINGS) as engine:
        _table(task, engine).save_part(Path(task.output, "inventory.parquet"))


def aggregate(task: Task) -> list[Group]:
    """Sum up the data files."""
    with open_engine(_SETTINGS) as engine:
        return _groups(_table(task, engine))


def aggregate_parquet(task: Task) -> list[Group]:
    """Sum up Parquet."""
    with open_engine(_SETTINGS, inputs=[task.parquet]) as engine:
        return _groups(PartsTable(engine=engine, paths=[task.parquet]))


def diff(task: Task) -> list[int]:
    """Compare two reports: return how many objects are new, gone and changed."""
    paths = (task.parquet, task.second_parquet)
    with open_engine(_SETTINGS, inputs=paths) as engine:
        first, second = (_side(engine, path) for path in paths)
        counts = DiffTable(engine=engine, previous=first, current=second).counts()
    return [counts.added, counts.removed, counts.changed]


def records(task: Task) -> list[int]:
    """Go over all rows, typed: return how many there are and their bytes."""
    report = _folder(task).manifest(task.report)
    count = total = 0
    for file in report.files:
        chunks = _chunks(task, file)
        for record in read_records(chunks, file=file, bucket=report.bucket, columns=report.columns):
            count += 1
            total += record.size or 0
    return [count, total]


def _folder(task: Task) -> ReportFolder:
    return ReportFolder(path=Path(task.folder), rows=task.rows, files=task.files)


def _table(task: Task, engine: Engine) -> ReportTable:
    report = _folder(task).manifest(task.report)
    return ReportTable(engine=engine, report=report, open_file=lambda file: _chunks(task, file))


def _side(engine: Engine, path: str) -> DiffSide:
    parts = PartsTable(engine=engine, paths=[path])
    parts.open()
    return DiffSide(columns=parts.columns, paths=parts.paths)


def _chunks(task: Task, file: DataFile) -> Iterator[bytes]:
    with Path(task.folder, file.key).open("rb") as stored:
        while chunk := stored.read(_READ_BYTES):
            yield chunk


def _groups(relation: Relation) -> list[Group]:
    sql = ready_query(
        "by_class_and_prefix",
        {"depth": 1, "limit": None},
        columns=relation.columns,
        encoded=relation.has_encoded,
        at_depth=relation.at_depth,
    )
    rows = relation.fetch(sql, max_rows=_MAX_ROWS).rows
    return as_groups(
        (row["storage_class"], row["prefix"].removesuffix("/"), row["objects"], row["bytes"]) for row in rows
    )
