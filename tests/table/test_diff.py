# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.table.diff.diff_table import DiffSide, DiffTable
from airflow_provider_cosinv.table.diff.key_ranges import RowGroup, key_ranges, read_row_groups
from airflow_provider_cosinv.table.diff.sql import Comparison
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.support.examples import examples

TYPES = {"Size": "BIGINT", "LastModifiedDate": "TIMESTAMPTZ"}
COLUMNS = ("Key", "Size", "ETag", "StorageClass", "LastModifiedDate")
ROW = {"Size": 1, "ETag": "e", "StorageClass": "STANDARD", "LastModifiedDate": "2022-11-20T00:00:00Z"}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as engine:
        yield engine


def report(
    engine: Engine, name: str, rows: Sequence[dict[str, Any]], *, columns: Sequence[str] = COLUMNS, group: int = 122_880
) -> DiffSide:
    path = engine.new_file(f"{name}.parquet")
    connection = engine.connection
    fields = ", ".join(f"{column} {TYPES.get(column, 'VARCHAR')}" for column in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE made ({fields})")
    if rows:
        marks = ", ".join("?" for _ in columns)
        connection.executemany(
            f"INSERT INTO made VALUES ({marks})", [[{**ROW, **row}.get(name) for name in columns] for row in rows]
        )
    connection.execute(f"COPY made TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {group}, PRESERVE_ORDER true)")
    return DiffSide(tuple(columns), (str(path),))


def diff(engine: Engine, previous: DiffSide, current: DiffSide, **settings: Any) -> DiffTable:
    return DiffTable(engine=engine, previous=previous, current=current, **settings)


def rows_of(table: DiffTable) -> list[tuple[Any, ...]]:
    found = table.fetch("SELECT * FROM diff ORDER BY ALL", max_rows=10_000)
    assert found.columns == table.columns
    return [tuple(row.values()) for row in found.rows]


def compare(engine: Engine, before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], **more: Any) -> Any:
    table = diff(engine, report(engine, "before", before, **more), report(engine, "after", after, **more))
    return rows_of(table), table.counts()


def test_what_was_added_removed_and_changed_is_told_apart(engine: Engine) -> None:
    before: Any = [{"Key": "清单/'a,b\"", "Size": 7, "ETag": "x"}, {"Key": "gone", "Size": 5}, {"Key": "same"}]
    after: Any = [{"Key": "清单/'a,b\"", "Size": 10, "ETag": "y"}, {"Key": "same"}, {"Key": "new", "Size": 3}]

    rows, counts = compare(engine, before, after)

    day = "2022-11-20T00:00:00.000000+00:00"
    assert rows == [
        ("added", "new", None, 3, None, "e", None, "STANDARD", day),
        ("changed", "清单/'a,b\"", 7, 10, "x", "y", "STANDARD", "STANDARD", day),
        ("removed", "gone", 5, None, "e", None, "STANDARD", None, None),
    ]
    assert counts.as_dict() == {
        "added": 1,
        "removed": 1,
        "changed": 1,
        "unchanged": 1,
        "added_bytes": 3,
        "removed_bytes": 5,
        "grown_bytes": 3,
        "compared": ["Size", "ETag", "StorageClass"],
    }


@pytest.mark.parametrize(
    "change", [{"Size": 2}, {"ETag": "f"}, {"StorageClass": "ARCHIVE"}, {"Size": None}, {"ETag": None}]
)
def test_each_compared_column_alone_makes_a_change(engine: Engine, change: dict[str, Any]) -> None:
    rows, _ = compare(engine, [{"Key": "a"}, {"Key": "b"}], [{"Key": "a", **change}, {"Key": "b"}])

    assert [row[:2] for row in rows] == [("changed", "a")]


@pytest.mark.parametrize(("old", "new"), [("STANDARD", "Standard"), ("STANDARD_IA", "StandardIA"), (None, None)])
def test_later_time_and_spelling_of_a_class_are_no_change(engine: Engine, old: str | None, new: str | None) -> None:
    later = {"Key": "a", "LastModifiedDate": "2022-11-21T00:00:00Z", "StorageClass": new}

    rows, counts = compare(engine, [{"Key": "a", "StorageClass": old}], [later])

    assert (rows, counts.unchanged) == ([], 1)


def test_no_value_in_both_is_no_change(engine: Engine) -> None:
    marker = {"Key": "a", "Size": None, "ETag": None, "StorageClass": None}

    assert compare(engine, [marker], [marker])[0] == []


@pytest.mark.parametrize(("before", "after", "change"), [([], ["a", "b"], "added"), (["a", "b"], [], "removed")])
def test_an_empty_report_has_lost_or_will_gain_everything(engine: Engine, before: Any, after: Any, change: str) -> None:
    rows, counts = compare(engine, [{"Key": key} for key in before], [{"Key": key} for key in after])

    assert [row[:2] for row in rows] == [(change, "a"), (change, "b")]
    assert (counts.unchanged, getattr(counts, change)) == (0, 2)


def test_versions_are_compared_one_by_one_and_none_is_a_version(engine: Engine) -> None:
    columns = ("Key", "VersionId", "Size")
    before: Any = [{"Key": "a", "VersionId": None}, {"Key": "a", "VersionId": "1"}, {"Key": "b", "VersionId": "1"}]
    after: Any = [
        {"Key": "a", "VersionId": None, "Size": 2},
        {"Key": "a", "VersionId": "1"},
        {"Key": "b", "VersionId": "2"},
    ]

    rows, counts = compare(engine, before, after, columns=columns)

    assert rows == [("added", "b", "2", None, 1), ("changed", "a", None, 1, 2), ("removed", "b", "1", 1, None)]
    assert (counts.unchanged, counts.compared) == (1, ("Size",))


OLD = {"Key": "k", "ETag": "old", "LastModifiedDate": "2022-11-20T00:00:00Z"}
NEW = {"Key": "k", "ETag": "new", "LastModifiedDate": "2022-11-21T00:00:00Z"}
EMPTY = {"Key": "k", "Size": None, "ETag": None, "StorageClass": None}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([OLD], [OLD, NEW], [("changed", "old", "new")], id="new-in-current"),
        pytest.param([OLD, NEW], [NEW], [("changed", "old", "new")], id="old-in-previous"),
        pytest.param([OLD, NEW], [NEW, OLD], [], id="both-in-both"),
        pytest.param([OLD, OLD, NEW], [OLD, NEW], [], id="one-twice"),
        pytest.param([OLD], [OLD, OLD], [], id="equal-in-current"),
        pytest.param([OLD, OLD], [OLD], [], id="equal-in-previous"),
        pytest.param([], [NEW, OLD], [("added", None, "new")], id="added"),
        pytest.param([OLD, OLD], [], [("removed", "old", None)], id="removed"),
        pytest.param([], [EMPTY, EMPTY], [("added", None, None)], id="added-empty"),
    ],
)
def test_key_that_a_report_lists_twice_counts_once(engine: Engine, before: Any, after: Any, expected: Any) -> None:
    others = [{"Key": "a"}, {"Key": "z"}]

    rows, counts = compare(engine, [*others, *before], [*others, *after])

    assert [(row[0], row[4], row[5]) for row in rows] == expected
    told = [change for change, *_ in expected]
    assert [counts.added, counts.removed, counts.changed] == [
        told.count("added"),
        told.count("removed"),
        told.count("changed"),
    ]
    assert counts.unchanged == 2 + (not told)


def test_counts_that_airflow_cannot_carry_are_text(engine: Engine) -> None:
    large = [{"Key": f"k{number}", "Size": 2**63 - 1} for number in range(3)]

    _, counts = compare(engine, [], large)

    assert counts.added_bytes == 3 * (2**63 - 1)
    assert counts.as_dict()["added_bytes"] == str(3 * (2**63 - 1))


def test_unchanged_keys_are_counted_without_reading_them_again(engine: Engine) -> None:
    keys = [{"Key": f"k{number}"} for number in range(3)]
    table = diff(engine, report(engine, "p", keys), report(engine, "c", [*keys, {"Key": "new"}]))
    table.save("FROM diff", engine.new_file("once"), options="FORMAT csv")
    statements: list[str] = []

    class Listening(Engine):
        def run(self, statement: str, **how: Any) -> Any:
            statements.append(statement)
            return super().run(statement, **how)

    table.engine = Listening(engine.connection, engine.folder, is_confined=engine.is_confined)

    assert (table.counts().unchanged, statements) == (3, [])


def test_reports_without_sizes_are_compared_by_what_they_have(engine: Engine) -> None:
    rows, counts = compare(engine, [{"Key": "a", "ETag": "x"}], [{"Key": "a", "ETag": "y"}], columns=("Key", "ETag"))

    assert rows == [("changed", "a", "x", "y")]
    assert (counts.compared, counts.added_bytes, counts.grown_bytes) == (("ETag",), None, None)


@pytest.mark.parametrize(
    ("previous", "current", "said"),
    [
        (("Key", "Size"), ("Key", "Size", "ETag"), "ETag only in the current report"),
        (("Key", "VersionId", "Size", "StorageClass"), ("Key", "Size"), "VersionId, StorageClass only in the previous"),
        (("Key", "Size"), ("Key", "ETag"), "Size only in the previous report, ETag only in the current"),
        (("Key", "Tag"), ("Key", "Tag"), "neither Size nor ETag"),
        (("Key", "StorageClass"), ("Key", "StorageClass"), "neither Size nor ETag"),
    ],
)
def test_reports_that_cannot_be_compared_are_named_with_what_differs(previous: Any, current: Any, said: str) -> None:
    with pytest.raises(COSInventoryConfigurationError, match=said) as caught:
        Comparison.of(previous, current)

    assert caught.value.parameter == "previous"
    assert "optional_fields" in str(caught.value.hint)


def test_columns_that_no_comparison_needs_may_differ() -> None:
    comparison = Comparison.of(("Key", "Size", "Tag"), ("Key", "Size", "LastModifiedDate", "x-cos-meta-a"))

    assert comparison.columns == ("change", "Key", "OldSize", "NewSize", "LastModifiedDate")


keys = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("'%\0中😀\uffff"), min_size=1, max_size=4)
reports = st.dictionaries(keys, st.integers(0, 2), max_size=25)


@examples(40)
@given(before=reports, after=reports, group=st.integers(1, 5), rows=st.integers(1, 12), ordered=st.booleans())
def test_every_cut_into_ranges_gives_the_same_difference(
    engine: Engine, before: Any, after: Any, group: int, rows: int, ordered: bool
) -> None:
    def side(name: str, sizes: dict[str, int]) -> DiffSide:
        listed = sorted(sizes) if ordered else list(sizes)
        # DuckDB writes no row group of less than 2,048 rows: files, then.
        parts = [listed[start : start + group] for start in range(0, len(listed), group)] or [[]]
        paths = [
            report(
                engine, f"{name}{number}", [{"Key": key, "Size": sizes[key]} for key in part], columns=("Key", "Size")
            )
            for number, part in enumerate(parts)
        ]
        return DiffSide(("Key", "Size"), tuple(path for part in paths for path in part.paths))

    found = rows_of(diff(engine, side("p", before), side("c", after), rows_per_range=rows))

    expected = [("added", key, None, after[key]) for key in after if key not in before]
    expected += [("removed", key, before[key], None) for key in before if key not in after]
    expected += [
        ("changed", key, before[key], after[key]) for key in after if key in before and before[key] != after[key]
    ]
    assert sorted(found) == sorted(expected)


def groups(side: int, *bounds: tuple[str, str]) -> list[RowGroup]:
    return [RowGroup(side, 10, least, greatest) for least, greatest in bounds]


def test_reports_in_order_are_parted_where_a_row_group_begins() -> None:
    found = key_ranges(groups(0, ("a", "b"), ("c", "d"), ("e", "f")) + groups(1, ("a", "c"), ("d", "e")), rows=20)

    assert found == ["true AND Key < 'e'", "Key >= 'e' AND true"]


def test_reports_in_no_order_are_not_parted() -> None:
    everywhere = [("a", "z"), ("aa", "y"), ("ab", "x"), ("ac", "z")] * 3

    assert key_ranges(groups(0, *everywhere) + groups(1, *everywhere), rows=20) == ["true"]


def test_small_reports_are_not_parted() -> None:
    assert key_ranges(groups(0, ("a", "b"), ("c", "d")) + groups(1, ("a", "d")), rows=100) == ["true"]
    assert key_ranges([], rows=1) == ["true"]


def test_a_key_with_a_quote_can_begin_a_range() -> None:
    assert key_ranges(groups(0, ("a", "b"), ("c'", "d")), rows=10) == ["true AND Key < 'c'''", "Key >= 'c''' AND true"]


def test_the_row_groups_of_a_part_are_known_by_its_statistics(engine: Engine) -> None:
    path = str(engine.folder / "grouped.parquet")
    engine.connection.execute(
        f"COPY (SELECT printf('k%06d', range) AS Key FROM range(150_000)) TO '{path}'"
        " (FORMAT parquet, ROW_GROUP_SIZE 122_880, PRESERVE_ORDER true)"
    )

    found = read_row_groups(engine.connection, [[path], [path]])

    one = [(122_880, "k000000", "k122879"), (27_120, "k122880", "k149999")]
    assert sorted(found or []) == sorted((number, *group) for number in (0, 1) for group in one)


def test_the_reports_are_compared_once_for_all_queries(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    side = report(engine, "once", [{"Key": "a"}])
    table = diff(engine, side, report(engine, "other", [{"Key": "b"}]))
    table.counts()
    Path(side.paths[0]).unlink()

    assert len(rows_of(table)) == 2
    assert table.save("SELECT Key FROM diff", engine.folder / "keys.csv", options="FORMAT csv") == 2


def test_wrong_sql_names_the_columns_of_the_difference(engine: Engine) -> None:
    side = report(engine, "side", [{"Key": "a"}])

    with pytest.raises(COSInventoryConfigurationError, match='table diff has the columns "change", "Key", "OldSize"'):
        diff(engine, side, side).fetch("SELECT Sice FROM diff", max_rows=1)


def test_a_part_that_cannot_be_read_is_told_by_its_source(engine: Engine) -> None:
    side = report(engine, "there", [{"Key": "a"}])
    gone = DiffSide(side.columns, (str(engine.folder / "gone.parquet"),))
    table = diff(engine, gone, side, source_error=lambda: PermissionError("the bucket says no"))

    with pytest.raises(PermissionError, match="the bucket says no"):
        table.counts()
