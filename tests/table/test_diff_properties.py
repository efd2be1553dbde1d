# SPDX-License-Identifier: Apache-2.0
"""Differences beside an oracle in plain Python: keys listed twice, versions, empty fields, spellings of classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.table.diff import diff_table as diff
from airflow_provider_cosinv.table.diff.diff_table import DiffCounts, DiffSide, DiffTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.support.examples import examples

TYPES = {
    "Key": pa.string(),
    "VersionId": pa.string(),
    "Size": pa.int64(),
    "ETag": pa.string(),
    "StorageClass": pa.string(),
    "LastModifiedDate": pa.timestamp("us", "UTC"),
}
DAYS = [datetime(2026, 11, day, tzinfo=timezone.utc) for day in (1, 2)]
VALUES = {
    "Key": st.sampled_from("abc"),
    "VersionId": st.sampled_from([None, "1", "2"]),
    "Size": st.sampled_from([None, 0, 5]),
    "ETag": st.sampled_from([None, "e", "f"]),
    "StorageClass": st.sampled_from([None, "STANDARD_IA", "StandardIA", "standard_ia", "ARCHIVE"]),
    "LastModifiedDate": st.sampled_from([None, *DAYS]),
}

Row = Mapping[str, Any]
Report = Sequence[Row]


@pytest.fixture(scope="module", params=["rows", "reduced"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine; in the second case each report counts as one that lists a key very often."""
    with pytest.MonkeyPatch.context() as patch, open_engine(EngineSettings(threads=2)) as engine:
        if request.param == "reduced":
            patch.setattr(diff, "_OFTEN", -1_000_000)
        yield engine


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Report, Report]:
    """Two reports of the same compared columns."""
    optional = draw(st.sets(st.sampled_from(["VersionId", "StorageClass", "LastModifiedDate"])))
    names = ["Key", *draw(st.sampled_from([("Size",), ("ETag",), ("Size", "ETag")])), *sorted(optional)]
    rows = st.lists(st.fixed_dictionaries({name: VALUES[name] for name in names}), max_size=8)
    before = draw(rows)
    # Mostly what was there before, as a week later.
    kept = draw(st.lists(st.sampled_from(before), max_size=8)) if before else []
    after = draw(st.sampled_from([before, [*kept, *draw(rows)]]))
    # Never empty: a report of nothing has columns, too, which a list of no rows does not show.
    first = dict.fromkeys(names) | {"Key": "always"}
    return [first, *before], [*after, first]


def values_of(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    """What makes a change, if it is another."""
    plain = {**row, "StorageClass": (row.get("StorageClass") or "-").replace("_", "").lower()}
    return tuple(plain[name] for name in names)


def by_identity(report: Report) -> dict[tuple[str, str | None], list[Row]]:
    found = defaultdict(list)
    for row in report:
        found[row["Key"], row.get("VersionId")].append(row)
    return found


def side(engine: Engine, report: Report, group: int, *, is_sorted: bool) -> DiffSide:
    columns = [name for name in TYPES if name in report[0]]
    path = engine.new_file("side.parquet")
    rows = sorted(report, key=lambda row: str(row["Key"])) if is_sorted else report
    schema = pa.schema([(name, TYPES[name]) for name in columns])
    pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows), schema), path, row_group_size=group)
    return DiffSide(tuple(columns), (str(path),))


def found_by_package(
    engine: Engine, before: Report, after: Report, group: int, *, is_sorted: bool
) -> tuple[list[dict[str, Any]], DiffCounts]:
    previous, current = (side(engine, report, group, is_sorted=is_sorted) for report in (before, after))
    table = DiffTable(engine=engine, previous=previous, current=current, rows_per_range=2)
    counts = table.counts()
    return table.fetch(
        "SELECT * REPLACE (LastModifiedDate::VARCHAR AS LastModifiedDate) FROM diff"
        if "LastModifiedDate" in table.columns
        else "FROM diff",
        max_rows=1000,
    ).rows, counts


@examples(40)
@given(reports=pairs(), group=st.integers(1, 4), is_sorted=st.booleans())
def test_difference_is_that_of_the_oracle(engine: Engine, reports: Any, group: int, is_sorted: bool) -> None:
    before, after = reports
    names = [name for name in ("Size", "ETag", "StorageClass") if name in before[0]]
    old, new = by_identity(before), by_identity(after)

    rows, counts = found_by_package(engine, before, after, group, is_sorted=is_sorted)

    expected = {}
    for identity in old.keys() | new.keys():
        one, other = ({values_of(row, names) for row in side.get(identity, ())} for side in (old, new))
        if one != other:
            expected[identity] = "changed" if one and other else "removed" if one else "added"
    assert sorted((row["Key"], str(row.get("VersionId")), row["change"]) for row in rows) == sorted(
        (key, str(version), change) for (key, version), change in expected.items()
    )
    told = list(expected.values())
    assert [counts.added, counts.removed, counts.changed] == [
        told.count("added"),
        told.count("removed"),
        told.count("changed"),
    ]
    assert counts.unchanged == len(new.keys()) - told.count("added") - told.count("changed")
    for row in rows:
        check_row(row, old, new, names)
    if "Size" in names:
        sizes = {
            change: [(row["OldSize"] or 0, row["NewSize"] or 0) for row in rows if row["change"] == change]
            for change in ("added", "removed", "changed")
        }
        assert counts.added_bytes == sum(size for _, size in sizes["added"])
        assert counts.removed_bytes == sum(size for size, _ in sizes["removed"])
        assert counts.grown_bytes == sum(size - before for before, size in sizes["changed"])


def check_row(row: Row, old: Any, new: Any, names: Sequence[str]) -> None:
    """The row shows what the reports list, and of that the latest that makes the difference."""
    identity = row["Key"], row.get("VersionId")
    nothing = [dict.fromkeys((*names, "LastModifiedDate"))]
    candidates = [
        ({name: one[name] for name in names}, {name: other[name] for name in names}, other.get("LastModifiedDate"))
        for one, other in product(old.get(identity, nothing), new.get(identity, nothing))
        if row["change"] != "changed" or values_of(one, names) != values_of(other, names)
    ]
    shown = tuple({name: row[f"{age}{name}"] for name in names} for age in ("Old", "New"))
    latest = max((when for *_, when in candidates if when), default=None)
    assert (*shown, latest) in candidates
    assert "LastModifiedDate" not in row or (row["LastModifiedDate"] is None) == (latest is None)
    assert latest is None or "LastModifiedDate" not in row or row["LastModifiedDate"].startswith(str(latest)[:19])


@examples(15)
@given(reports=pairs(), group=st.integers(1, 4), is_sorted=st.booleans())
def test_report_compared_with_itself_has_no_change(engine: Engine, reports: Any, group: int, is_sorted: bool) -> None:
    _, report = reports

    rows, counts = found_by_package(engine, report, report[::-1], group, is_sorted=is_sorted)

    assert (rows, counts.added, counts.removed, counts.changed) == ([], 0, 0, 0)
    assert counts.unchanged == len(by_identity(report))
