# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.queries.columns import FOLDERS, prefix_of
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.table.parquet import key_folders as part_folders
from airflow_provider_cosinv.table.parquet.key_folders import with_folders
from tests.support.examples import examples

NUMBERS = itertools.count()
# Slashes at all places, what SQL and DuckDB's own texts escape, and characters of several bytes.
KEYS = st.lists(st.text(st.sampled_from("/ab'\\%\n\0清é"), min_size=1, max_size=6), max_size=12)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        yield connection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


def part(path: Path, keys: Sequence[str | None], *, group: int = 2, **options: Any) -> str:
    """Write a part, in the order of the keys."""
    table = pa.table({"Key": pa.array(keys, pa.string()), "Size": pa.array(range(len(keys)), pa.int64())})
    pq.write_table(table, path, row_group_size=group, **options)
    return str(path)


def damage_keys(path: str, *groups: int) -> None:
    """Overwrite the keys of some row groups: who reads them fails."""
    metadata = pq.read_metadata(path)
    with Path(path).open("r+b") as file:
        for group in groups:
            column = metadata.row_group(group).column(0)
            assert column.path_in_schema == "Key"
            file.seek(column.dictionary_page_offset or column.data_page_offset)
            file.write(b"\xff" * column.total_compressed_size)


def made(connection: duckdb.DuckDBPyConnection, paths: Sequence[str], depth: int = 1) -> str | None:
    return with_folders(connection, paths, depth=depth)


def rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(f"SELECT Key, Size, {FOLDERS} FROM ({table})").fetchall())


@examples(150)
@given(first=KEYS, second=KEYS, is_sorted=st.booleans(), group=st.integers(1, 3), depth=st.integers(1, 3))
def test_each_row_is_there_once_with_the_folders_of_its_key(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    first: list[str],
    second: list[str],
    is_sorted: bool,
    group: int,
    depth: int,
) -> None:
    order: Any = (lambda keys: sorted(keys, key=str.encode)) if is_sorted else list
    # A path that comes twice within a second is the same part to DuckDB.
    paths = [part(folder / f"{next(NUMBERS)}.parquet", order(keys), group=group) for keys in (first, second)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_folders, "_LEAST_KNOWN", 0)
        table = made(connection, paths, depth)

    if table is not None:
        plain = f"read_parquet([{', '.join(map(literal, paths))}])"
        expected = f"SELECT Key, Size, {prefix_of('Key', depth)} AS {FOLDERS} FROM {plain}"
        assert rows(connection, table) == rows(connection, expected)


def test_keys_whose_folders_are_known_are_not_read(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    known = part(tmp_path / "known.parquet", ["a/1", "a/2", "a/x/3"])
    other = part(tmp_path / "other.parquet", ["b/1", "b/1", "b/2"])

    table = made(connection, [known, other])

    ((_, plan),) = connection.execute(f"EXPLAIN SELECT {FOLDERS}, sum(Size) FROM ({table}) GROUP BY ALL").fetchall()
    assert "Key" not in plan
    assert "Size" in plan
    assert [row[2] for row in rows(connection, table or "")] == ["a/"] * 3 + ["b/"] * 3


def test_of_a_part_with_both_only_the_row_groups_that_differ_are_cut(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    keys = ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "b/4", "c"]
    path = part(tmp_path / "both.parquet", keys)

    table = made(connection, [path]) or ""

    assert rows(connection, table) == [(key, size, key[:2] if "/" in key else "") for size, key in enumerate(keys)]
    assert table.count("'a/'") == 1
    assert table.count("'b/'") == 1
    assert "file_row_number >= 2 AND file_row_number < 4) OR (file_row_number >= 6 AND file_row_number < 8" in table


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ([], {}),
        (["a/1", "b/1"], {}),
        (["a", "a/1"], {}),
        (["a/1", None], {}),
        (["a/1", "a/2"], {"write_statistics": False}),
        (["a\x01/1", "a\x01/2"], {}),
        (["a\\/1", "a\\/2"], {}),
    ],
    ids=["empty", "two folders", "none and one", "no key", "not told", "control character", "backslash"],
)
def test_what_is_not_surely_known_is_not_used(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, keys: list[str | None], options: dict[str, Any]
) -> None:
    assert made(connection, [part(tmp_path / "part.parquet", keys, **options)]) is None


def test_where_few_folders_are_known_it_does_not_pay(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    mixed = ["a/1", "b/1"] * 4
    assert made(connection, [part(tmp_path / "few.parquet", [*mixed, "c/1", "c/2"])]) is None
    assert made(connection, [part(tmp_path / "more.parquet", [*mixed, *["c/1", "c/2"] * 2])]) is not None


def test_of_too_many_looks_the_smallest_read_their_keys(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [f"{folder}/{number}" for folder, numbers in (("a", 2), ("b", 6), ("c", 4)) for number in range(numbers)]
    two = [f"d/{number}" for number in range(8)]
    paths = [part(tmp_path / f"{name}.parquet", keys) for name, keys in (("one", one), ("two", two))]

    def folders_at(most: int) -> set[str] | None:
        monkeypatch.setattr(part_folders, "_MOST_LOOKS", most)
        table = made(connection, paths)
        if table is None:
            return None
        assert [row[2] for row in rows(connection, table)] == [f"{key[0]}/" for key in sorted(one + two)]
        assert table.count("SELECT") <= most
        return {folder for folder in "abcd" if f"'{folder}/'" in table}

    assert [folders_at(most) for most in (4, 3, 2, 1)] == [set("abcd"), set("bd"), set("d"), None]


def test_a_part_that_duckdb_calls_otherwise_is_read_as_it_is(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = part(tmp_path / "part[1].parquet", ["a/1", "a/2"])
    assert made(connection, [path]) is not None
    assert made(connection, [str(tmp_path / "." / "part[1].parquet").replace("/part", "//part")]) is None


def test_no_other_part_is_looked_at(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = part(tmp_path / "p?rt.parquet", ["a/1", "a/2"])
    part(tmp_path / "part.parquet", ["b/1", "b/2"])
    table = made(connection, [path])
    assert table is not None
    assert [row[0] for row in rows(connection, table)] == ["a/1", "a/2"]


def test_keys_of_known_row_groups_are_not_even_looked_at(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = part(
        tmp_path / "part.parquet", [*(f"a/{n}" for n in range(3000)), *(f"b{n}" for n in range(3000))], group=3000
    )
    damage_keys(path, 0)
    with pytest.raises(duckdb.Error):
        connection.execute(f"SELECT max(length(Key)) FROM read_parquet({literal(path)})").fetchall()

    found = connection.execute(f"SELECT {FOLDERS}, count(*), sum(Size) FROM ({made(connection, [path])}) GROUP BY ALL")

    assert sorted(found.fetchall()) == [("", 3000, sum(range(3000, 6000))), ("a/", 3000, sum(range(3000)))]
