# SPDX-License-Identifier: Apache-2.0
"""
Ranges of keys in which two reports are compared one after the other.

COS lists a bucket in the order of its keys. Then a range of keys lies in a few row groups of a Parquet part, which
DuckDB finds by their least and greatest key: the comparison of one range fits in memory, and nothing is read twice
but the row groups at its ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.table.parquet.read_parquet import exactly

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Row groups that reach over a bound are read for both of its sides. Where the keys are in no order, half of them
# do even where there is one bound.
_MOST_READING = 1.4


class RowGroup(NamedTuple):
    """
    A row group of a Parquet part.

    :param side: the report that it is of
    :param rows: in it
    :param least: its least key
    :param greatest: its greatest key
    """

    side: int
    rows: int
    least: str
    greatest: str


def read_row_groups(connection: DuckDBPyConnection, reports: Sequence[Sequence[str]]) -> list[RowGroup] | None:
    """
    Return the row groups of some reports.

    :param connection: of DuckDB
    :param reports: the paths of the Parquet parts of each
    :return: None where the least and the greatest key of one are not known
    """
    found = []
    for side, paths in enumerate(reports):
        groups = connection.execute(
            "SELECT row_group_num_rows, stats_min_value, stats_max_value FROM parquet_metadata(?)"
            " WHERE path_in_schema = 'Key' AND row_group_num_rows > 0",
            [list(map(exactly, paths))],
        ).fetchall()
        found += [RowGroup(side, *group) for group in groups]
    return None if any(None in group for group in found) else found


def key_ranges(groups: Sequence[RowGroup], *, rows: int) -> list[str]:
    """
    Return conditions over ``Key`` that part all keys into ranges.

    There is one, always true, where more would not pay: the reports are small, or their keys are in no order.

    :param groups: the row groups of the reports
    :param rows: that a range shall have of one report, at most, where the row groups allow that
    """
    most = _MOST_READING * sum(group.rows for group in groups)
    while bounds := _bounds(groups, rows):
        if sum(group.rows * (1 + _bounds_in(group, bounds)) for group in groups) <= most:
            ends = [f"Key < {literal(bound)}" for bound in bounds]
            starts = [f"Key >= {literal(bound)}" for bound in bounds]
            return [f"{start} AND {end}" for start, end in zip(["true", *starts], [*ends, "true"], strict=True)]
        rows *= 2
    return ["true"]


def _bounds(groups: Sequence[RowGroup], rows: int) -> list[str]:
    bounds: list[str] = []
    held: dict[int, int] = {}
    for group in sorted(groups, key=lambda group: group.least):
        so_far = held.get(group.side, 0)
        if so_far and so_far + group.rows > rows and group.least not in bounds[-1:]:
            bounds.append(group.least)
            held, so_far = {}, 0
        held[group.side] = so_far + group.rows
    return bounds


def _bounds_in(group: RowGroup, bounds: Sequence[str]) -> int:
    return bisect_right(bounds, group.greatest) - bisect_right(bounds, group.least)
