# SPDX-License-Identifier: Apache-2.0
"""What has changed from one report to the next, as a table. Comes with the extra ``table``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airflow_provider_cosinv.inventory.diff_ranges import key_ranges, read_row_groups
from airflow_provider_cosinv.inventory.diff_sql import (
    Comparison,
    counts_sql,
    difference_sql,
    distinct_sql,
    repeated_sql,
)
from airflow_provider_cosinv.inventory.engine import Engine
from airflow_provider_cosinv.inventory.relation import Relation
from airflow_provider_cosinv.inventory.sql import exactly, literal, parquet_table

# With two threads and keys of 75 characters they are compared in 150 MB.
_ROWS_PER_RANGE = 500_000


@dataclass(frozen=True)
class DiffSide:
    """
    One of two reports that are compared, as Parquet.

    Of a :class:`PartsTable`, its columns and paths. A report that is no Parquet yet is saved as Parquet first; the
    columns that :class:`Comparison` names are enough.

    :param columns: of the table
    :param paths: of the parts: local ones, or URLs of a file system that DuckDB was given
    """

    columns: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def table(self) -> str:
        """SQL of the table."""
        return parquet_table(self.paths)


@dataclass(frozen=True, kw_only=True)
class DiffCounts:
    """
    How two reports differ, in numbers. Where they list versions, a key is a version of it.

    :param added: keys only in the current report
    :param removed: keys only in the previous report
    :param changed: keys in both, with another size, ETag or storage class
    :param unchanged: rows of the current report, less what was added and changed; where it has a key twice, the other
        row of it counts here
    :param added_bytes: size of what was added; this and the next two are None where sizes are not compared
    :param removed_bytes: size of what was removed
    :param grown_bytes: by which what was changed has grown; negative where it has shrunk
    :param compared: the columns that decide what is changed
    """

    added: int
    removed: int
    changed: int
    unchanged: int
    added_bytes: int | None
    removed_bytes: int | None
    grown_bytes: int | None
    compared: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON-able data."""
        return {**asdict(self), "compared": list(self.compared)}


class DiffTable(Relation):
    """
    What has changed from one report to the next, as the table ``diff``.

    Its columns: ``change`` (``added``, ``removed`` or ``changed``), ``Key``, ``VersionId`` where the reports list
    versions, then, as far as the reports have them, ``OldSize`` and ``NewSize``, ``OldETag`` and ``NewETag``,
    ``OldStorageClass`` and ``NewStorageClass``, and ``LastModifiedDate`` of the current report. What is equal in both
    is not in it. The case of a storage class makes no difference.

    A report may have a key twice, because COS lists while objects change. Such a key is changed unless all its rows
    in both reports are the same; it stands in the table once, with the row of the latest ``LastModifiedDate`` of those
    that make the difference.

    The reports are compared at the first use, one range of keys after the other, and what differs is kept in the
    engine's folder. Memory does not grow with the reports where their rows are mostly in the order of their keys;
    where they are in none, DuckDB compares them at one go, and on disk.

    :param engine: where it lives
    :param previous: the earlier report
    :param current: the later report
    :param rows_per_range: of one report, that are compared at a time
    :param source_error: tells, after DuckDB failed, whether a path could not be read, and why
    :raises COSInventoryConfigurationError: where the reports have not the columns that are needed
    """

    def __init__(
        self,
        *,
        engine: Engine,
        previous: DiffSide,
        current: DiffSide,
        rows_per_range: int = _ROWS_PER_RANGE,
        source_error: Callable[[], Exception | None] = lambda: None,
    ) -> None:
        super().__init__(engine=engine, name="diff")
        self.previous = previous
        self.current = current
        self.comparison = Comparison.of(previous.columns, current.columns)
        self.rows_per_range = rows_per_range
        self._source = source_error
        self._table: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self.comparison.columns

    def counts(self) -> DiffCounts:
        """
        Count what has changed.

        :raises COSInventoryConfigurationError: where memory or disk is not enough
        """
        table = self._compared()
        with self.explained():
            connection = self.engine.connection
            (numbers,) = connection.execute(counts_sql(self.comparison, table)).fetchall()
            ((rows,),) = connection.execute(
                "SELECT coalesce(sum(num_rows), 0)::BIGINT FROM parquet_file_metadata(?)",
                [list(map(exactly, self.current.paths))],
            ).fetchall()
        added, removed, changed, added_bytes, removed_bytes, grown_bytes = numbers
        return DiffCounts(
            added=added,
            removed=removed,
            changed=changed,
            unchanged=rows - added - changed,
            added_bytes=added_bytes,
            removed_bytes=removed_bytes,
            grown_bytes=grown_bytes,
            compared=self.comparison.content,
        )

    def _prepare(self) -> None:
        table = self._compared()
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW diff AS SELECT * FROM {table}")

    def _run(self, statement: str, plan: dict[str, Any]) -> list[tuple[Any, ...]]:  # noqa: ARG002  files can be read often
        return self.engine.run(statement)

    def _source_error(self) -> Exception | None:
        return self._source()

    def _compared(self) -> str:
        if self._table is None:
            with self.explained():
                groups = read_row_groups(self.engine.connection, [self.previous.paths, self.current.paths])
                ranges = ["true"] if groups is None else key_ranges(groups, rows=self.rows_per_range)
                files = [self._compare(condition) for condition in ranges]
            self._table = _parquet(files)
        return self._table

    def _compare(self, condition: str) -> Path:
        path = self.engine.new_file("diff.parquet")
        difference = difference_sql(
            self.comparison, previous=self.previous.table, current=self.current.table, condition=condition
        )
        self._write(difference, path)
        table = _parquet([path])
        ((is_repeated,),) = self.engine.connection.execute(repeated_sql(self.comparison, table)).fetchall()
        if is_repeated:
            distinct = self.engine.new_file("distinct.parquet")
            self._write(distinct_sql(self.comparison, table), distinct)
            path.unlink()
            return distinct
        return path

    def _write(self, query: str, path: Path) -> None:
        self.engine.run(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")


def _parquet(files: Sequence[Path]) -> str:
    return parquet_table(map(str, files))
