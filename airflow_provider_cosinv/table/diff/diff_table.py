# SPDX-License-Identifier: Apache-2.0
"""What has changed from one report to the next, as a table. Comes with the extra ``table``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.table.csv.plan import rows_joined
from airflow_provider_cosinv.table.diff.key_ranges import key_ranges, read_row_groups
from airflow_provider_cosinv.table.diff.sql import (
    Comparison,
    counts_sql,
    difference_sql,
    distinct_sql,
    identities_sql,
    most_listings_sql,
    pairs_sql,
    reduced_sql,
    repeated_sql,
)
from airflow_provider_cosinv.table.engine import Engine
from airflow_provider_cosinv.table.json_values import whole
from airflow_provider_cosinv.table.parquet.read_parquet import exactly, parquet_table
from airflow_provider_cosinv.table.relation import Relation

# With two threads and keys of 75 characters they are compared in 150 MB.
_ROWS_PER_RANGE = 500_000
# A key that both reports list k times makes k times k pairs. So many rows of one bucket, beyond four times the mean,
# are those of a key that is listed often. One million buckets take some 30 MB.
_OFTEN = 100
_MOST_BUCKETS = 2**20
_ROWS_PER_BUCKET = 8
# Pairs of keys that are listed with different values: a minute, and some gigabytes on disk.
_MOST_PAIRS = 100_000_000


@dataclass(frozen=True)
class DiffSide:
    """
    One of two reports that are compared, as Parquet.

    Of a :class:`PartsTable`, its columns and paths. A report that is no Parquet yet is saved as Parquet first; the
    columns that :class:`Comparison` names are enough.

    :param columns: of the table
    :param paths: of the parts: local ones, or URLs of a file system that DuckDB was given
    :param lists_once: whether it is known that the report lists no key, or version, twice
    """

    columns: tuple[str, ...]
    paths: tuple[str, ...]
    lists_once: bool = False

    @property
    def table(self) -> str:
        """SQL of the table."""
        return parquet_table(self.paths)


@dataclass(frozen=True, kw_only=True)
class DiffCounts:
    """
    How two reports differ, in numbers.

    A key counts once, however often a report lists it. If the reports list versions, each version of a key counts.

    :param added: keys only in the current report
    :param removed: keys only in the previous report
    :param changed: keys in both, with another size, ETag or storage class
    :param unchanged: keys in both, with the same values
    :param added_bytes: size of what was added; an unknown size counts as 0. This and the next two are None if sizes
        are not compared
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
        """Return the counts as JSON-able data; a number beyond 64 bits is text, because Airflow takes none."""
        numbers = {name: whole(value) if isinstance(value, int) else value for name, value in asdict(self).items()}
        return {**numbers, "compared": list(self.compared)}


class DiffTable(Relation):
    """
    What has changed from one report to the next, as the table ``diff``.

    Its columns: ``change`` (``added``, ``removed`` or ``changed``), ``Key``, ``VersionId`` where the reports list
    versions, then, as far as the reports have them, ``OldSize`` and ``NewSize``, ``OldETag`` and ``NewETag``,
    ``OldStorageClass`` and ``NewStorageClass``, and ``LastModifiedDate`` of the current report. What is equal in both
    is not in it. How a storage class is spelled makes no difference: ``STANDARD_IA`` is ``StandardIA``. A value that is
    not known, which is NULL, equals another that is not known, and no other.

    A report may list a key twice, because COS lists while objects change. Such a key is unchanged if both reports list
    it with the same values, and changed otherwise: it appears once, as the differing row with the latest
    ``LastModifiedDate``.

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
        self._compared_ranges: _Ranges | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self.comparison.columns

    def counts(self) -> DiffCounts:
        """
        Count what has changed.

        :raises COSInventoryConfigurationError: where memory or disk is not enough
        """
        ranges = self._compared()
        with self.explained():
            (numbers,) = self.engine.connection.execute(counts_sql(self.comparison, ranges.table)).fetchall()
            listed = self._keys_listed(ranges, added=numbers[0], removed=numbers[1])
        added, removed, changed, added_bytes, removed_bytes, grown_bytes = numbers
        return DiffCounts(
            added=added,
            removed=removed,
            changed=changed,
            unchanged=listed - added - changed,
            added_bytes=added_bytes,
            removed_bytes=removed_bytes,
            grown_bytes=grown_bytes,
            compared=self.comparison.content,
        )

    def _prepare(self) -> None:
        table = self._compared().table
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW diff AS SELECT * FROM {table}")

    def _run(self, statement: str, plan: dict[str, Any]) -> list[tuple[Any, ...]]:  # noqa: ARG002  files can be read often
        return self.engine.run(statement)

    def _source_error(self) -> Exception | None:
        return self._source()

    def _compared(self) -> _Ranges:
        if self._compared_ranges is None:
            with self.explained():
                groups = read_row_groups(self.engine.connection, [self.previous.paths, self.current.paths])
                conditions = ["true"] if groups is None else key_ranges(groups, rows=self.rows_per_range)
                reduces = self._may_make_many_pairs()
                differences = {condition: self._compare(condition, reduces=reduces) for condition in conditions}
                self._compared_ranges = _Ranges(differences)
        return self._compared_ranges

    def _compare(self, condition: str, *, reduces: bool) -> _Difference:
        path = self.engine.new_file("diff.parquet")
        reduced = self._reduced(condition) if reduces else None
        previous, current = reduced or (self.previous.table, self.current.table)
        difference = difference_sql(
            self.comparison, previous=previous, current=current, condition="true" if reduced else condition
        )
        # The profile costs nothing, and saves counting what is equal.
        ((_, profile),) = self.engine.run(f"EXPLAIN (ANALYZE, FORMAT JSON) {_writing(difference, path)}")
        table = _parquet([path])
        ((is_repeated,),) = self.engine.connection.execute(repeated_sql(self.comparison, table)).fetchall()
        if not is_repeated:
            return _Difference(path, None if reduced else rows_joined(profile))
        distinct = self.engine.new_file("distinct.parquet")
        self.engine.run(_writing(distinct_sql(self.comparison, table), distinct))
        path.unlink()
        return _Difference(distinct, None)

    def _may_make_many_pairs(self) -> bool:
        """Whether both reports may list a key very often; parts that are in order are not read for that."""
        sides = (self.previous, self.current)
        return not any(side.lists_once for side in sides) and all(map(self._may_list_often, sides))

    def _reduced(self, condition: str) -> tuple[str, str]:
        """
        Return SQL of both reports with each set of values of a key once.

        :raises COSInventoryConfigurationError: if the different values alone make too many pairs
        """
        tables = []
        for side, columns in (
            (self.previous, self.comparison.previous_columns),
            (self.current, self.comparison.current_columns),
        ):
            path = self.engine.new_file("reduced.parquet")
            query = reduced_sql(self.comparison, side.table, condition=condition, columns=columns)
            self.engine.run(_writing(query, path))
            tables.append(_parquet([path]))
        previous, current = tables
        ((pairs,),) = self.engine.run(pairs_sql(self.comparison, previous=previous, current=current))
        if pairs > _MOST_PAIRS:
            raise COSInventoryConfigurationError(
                f"Both reports list keys many times with different values, which makes {pairs:,} pairs to compare.",
                parameter="previous, current",
                hint="Take the inventories again, under new ids; or compare what a query returns for each of them.",
            )
        return previous, current

    def _may_list_often(self, side: DiffSide) -> bool:
        rows = self._rows(side)
        buckets = 1 << max(min(rows // _ROWS_PER_BUCKET, _MOST_BUCKETS).bit_length(), 10)
        ((most,),) = self.engine.run(most_listings_sql(self.comparison, side.table, buckets=buckets))
        return bool(most > 4 * rows / buckets + _OFTEN)

    def _keys_listed(self, ranges: _Ranges, *, added: int, removed: int) -> int:
        """Return how many different keys, or versions, the current report lists."""
        previous_rows, current_rows = self._rows(self.previous), self._rows(self.current)
        if ranges.pairs == current_rows + removed == previous_rows + added:
            # A key that is in both reports, and in one of them twice, would have made more pairs than that report has
            # rows.
            return current_rows
        counts = (identities_sql(self.comparison, self.current.table, condition=each) for each in ranges.by_condition)
        return sum(int(self.engine.run(sql)[0][0]) for sql in counts)

    def _rows(self, side: DiffSide) -> int:
        ((rows,),) = self.engine.connection.execute(
            "SELECT coalesce(sum(num_rows), 0)::BIGINT FROM parquet_file_metadata(?)", [list(map(exactly, side.paths))]
        ).fetchall()
        return int(rows)


@dataclass(frozen=True)
class _Difference:
    """
    What differs in one range of keys.

    :param path: of the file that holds it
    :param pairs: rows of the full join, equal ones too: one for each two rows of a key, and one for each row whose key
        is in one report only; None if that is not known, or a key was repeated
    """

    path: Path
    pairs: int | None


@dataclass(frozen=True)
class _Ranges:
    """
    What differs in all ranges.

    :param by_condition: what differs in the range of the keys that meet a condition
    """

    by_condition: dict[str, _Difference]

    @property
    def table(self) -> str:
        """SQL of the table of what differs."""
        return _parquet([difference.path for difference in self.by_condition.values()])

    @property
    def pairs(self) -> int | None:
        """Rows of all joins; None if one is not known."""
        pairs = [difference.pairs for difference in self.by_condition.values() if difference.pairs is not None]
        return sum(pairs) if len(pairs) == len(self.by_condition) else None


def _writing(query: str, path: Path) -> str:
    return f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)"


def _parquet(files: Sequence[Path]) -> str:
    return parquet_table(map(str, files))
