# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from airflow_provider_cosinv.table.relation import MAX_BYTES, Relation
from tests.table.tables import opened, some_rows, table_of

COLUMNS = ("Appid", "Bucket", "Key", "Size", 'x-cos-meta-a.b"c', "LastModifiedDate", "Tag", "Select")
ROW = b"1,b,k,1,m,2022-11-20T10:53:38+08:00,a=b,s\n"


@pytest.fixture(scope="module")
def relation() -> Iterator[Relation]:
    with opened([gzip.compress(ROW)], columns=COLUMNS, rows=1) as table:
        yield table


def test_a_row_is_json(relation: Relation) -> None:
    rows = relation.fetch("FROM inventory", max_rows=1)

    assert rows.columns == relation.columns == COLUMNS
    assert rows.rows == [
        {
            "Appid": "1",
            "Bucket": "b",
            "Key": "k",
            "Size": 1,
            'x-cos-meta-a.b"c': "m",
            "LastModifiedDate": "2022-11-20T02:53:38.000000+00:00",
            "Tag": {"a": "b"},
            "Select": "s",
        }
    ]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("18446744073709551615::UBIGINT", 2**64 - 1),
        ("18446744073709551615::HUGEINT", 2**64 - 1),
        ("18446744073709551616::HUGEINT", "18446744073709551616"),
        ("-9223372036854775808::HUGEINT", -(2**63)),
        ("-9223372036854775809::HUGEINT", "-9223372036854775809"),
        ("340282366920938463463374607431768211455::UHUGEINT", str(2**128 - 1)),
        ("[{'a': 18446744073709551616::HUGEINT}, {'a': 1}]", [{"a": "18446744073709551616"}, {"a": 1}]),
        ("1.50::DECIMAL(10, 2)", 1.5),
        ("-0.1::DECIMAL(4, 3)", -0.1),
        ("99999999999999999999.123456789::DECIMAL(38, 9)", "99999999999999999999.123456789"),
        ("NULL::DECIMAL(10, 2)", None),
        ("[1.50, NULL]::DECIMAL(10, 2)[]", [1.5, None]),
        ("[99999999999999999999.123456789::DECIMAL(38, 9)]", ["99999999999999999999.123456789"]),
        ("[1e300::DOUBLE, 0.1::DOUBLE, 1e16::DOUBLE]", [1e300, 0.1, 1e16]),
        ("DATE '2020-01-02'", "2020-01-02"),
        ("TIME '10:00:01'", "10:00:01"),
        ("INTERVAL 3 DAY", "3 days"),
        ("'ab'::BLOB", "ab"),
        ("'a'::ENUM('a', 'b')", "a"),
        ("NULL", None),
        ("true", True),
        ("'nan'::DOUBLE", "NaN"),
        ("'-inf'::FLOAT", "-Infinity"),
        ("[1.5, NULL, 'nan'::DOUBLE]", [1.5, None, "NaN"]),
        ("[1, 2]::INT[2]", [1, 2]),
        ("{'a': 1, 'b': DATE '2020-01-02'}", {"a": 1, "b": "2020-01-02"}),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("MAP {}", {}),
        ("NULL::MAP(VARCHAR, VARCHAR)", None),
        ("[LastModifiedDate]", ["2022-11-20 02:53:38+00"]),
        ("""'{"a": [1]}'::JSON""", {"a": [1]}),
        ("chr(0)", "\0"),
        ("'infinity'::TIMESTAMPTZ", "infinity"),
    ],
)
def test_values_of_all_types_are_json(relation: Relation, sql: str, value: Any) -> None:
    rows = relation.fetch(f"SELECT {sql} AS value FROM inventory", max_rows=1).rows

    assert json.loads(json.dumps(rows, allow_nan=False)) == [{"value": value}]


def test_a_column_named_rowid_leaves_the_order_of_rows_alone(relation: Relation) -> None:
    rows = relation.fetch("SELECT 3000 - range AS rowid, range AS n FROM range(3000) ORDER BY n", max_rows=3000).rows

    assert [row["n"] for row in rows] == list(range(3000))
    assert rows[0] == {"rowid": 3000, "n": 0}


def test_columns_of_one_name_are_all_kept(relation: Relation) -> None:
    rows = relation.fetch("SELECT 1 AS a, 2 AS a, 3 AS A", max_rows=1)

    assert rows.rows == [dict(zip(rows.columns, [1, 2, 3], strict=True))]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT Key FROM inventory;",
        "SELECT Key FROM inventory; -- and no more",
        "SELECT Key FROM inventory -- and no more",
        "-- first\nSELECT Key FROM inventory /* last */",
        "WITH a AS (FROM inventory) SELECT Key FROM a",
        'SELECT Key FROM inventory WHERE "Select" = \'s\' AND "x-cos-meta-a.b""c" = \'m\'',
        "SELECT Key FROM inventory_encoded",
    ],
)
def test_one_select_may_be_written_as_one_likes(relation: Relation, sql: str) -> None:
    assert relation.fetch(sql, max_rows=1).rows == [{"Key": "k"}]


@pytest.mark.parametrize(
    "sql",
    ["", "-- nothing", "SELECT 1; SELECT 2", "DROP TABLE x", "COPY (SELECT 1) TO 'x'", "SET threads = 9", "ATTACH 'x'"],
)
def test_anything_but_one_select_is_refused(relation: Relation, sql: str) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="One SELECT is wanted") as raised:
        relation.fetch(sql, max_rows=1)
    assert raised.value.parameter == "sql"


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("SELECT Ky FROM inventory", "LINE 1: SELECT ^Ky FROM inventory"),
        ("SELECT\n  Ky\nFROM inventory", "LINE 2:   ^Ky"),
        ("SELECT Key FROM\n\n inventry", "LINE 3:  ^inventry"),
        ("SELECT Key\nFROM inventory WHERE = 3", "LINE 2: FROM inventory WHERE ^= 3"),
        ("SELEC 1", "LINE 1: ^SELEC 1"),
    ],
)
def test_wrong_sql_is_told_with_its_position_and_the_columns_there_are(
    relation: Relation, sql: str, position: str
) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        relation.fetch(sql, max_rows=1)
    assert raised.value.parameter == "sql"
    assert position in raised.value.message
    assert '"Key", "Size", "x-cos-meta-a.b""c"' in (raised.value.hint or "")


def test_sql_that_fails_on_a_value_is_told_without_our_own_sql(relation: Relation) -> None:
    for sql in ("SELECT Key::INT FROM inventory", "SELECT 'x'::INT", "FROM cos_query", "SELECT ?"):
        with pytest.raises(COSInventoryConfigurationError) as raised:
            relation.fetch(sql, max_rows=1)
        assert raised.value.parameter == "sql"
        assert "CREATE" not in raised.value.message


def test_too_many_rows_are_refused(relation: Relation) -> None:
    assert len(relation.fetch("FROM range(3)", max_rows=3).rows) == 3
    with pytest.raises(COSInventoryConfigurationError, match="more than 2 rows") as raised:
        relation.fetch("FROM range(3)", max_rows=2)
    assert raised.value.parameter == "max_rows"
    # Nothing of it is in the way of the next.
    assert relation.fetch("SELECT 1 AS a", max_rows=1).rows == [{"a": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', {n}) AS value",
        "SELECT repeat('图', {n} // 3 + {n} % 3) AS value",
        "SELECT repeat('x', {n} // 2) AS a, repeat('x', {n} - {n} // 2) AS b",
        "SELECT repeat('x', {n} // 4) AS a FROM range(4) UNION ALL SELECT repeat('x', {n} % 4)",
        # With brackets and quotes.
        "SELECT [repeat('x', {n} - 4)] AS value",
    ],
)
def test_too_large_a_result_is_refused_however_few_its_rows(relation: Relation, sql: str) -> None:
    assert relation.fetch(sql.format(n=MAX_BYTES - 9), max_rows=9).rows
    with pytest.raises(COSInventoryConfigurationError, match=f"{MAX_BYTES} may be returned") as raised:
        relation.fetch(sql.format(n=MAX_BYTES + 1), max_rows=9)
    assert "destination" in str(raised.value)
    # Nothing of it is in the way of the next.
    assert relation.fetch("SELECT 1 AS a", max_rows=1).rows == [{"a": 1}]


@pytest.mark.parametrize("options", ["FORMAT parquet", "FORMAT csv"])
def test_an_order_is_kept(tmp_path: Path, options: str) -> None:
    # Several groups of rows of Parquet, and of what a thread takes at once.
    bodies = [some_rows(100_000, prefix=prefix) for prefix in "ab"]
    sql = "SELECT Key FROM inventory ORDER BY Size DESC, Key"
    with open_engine(EngineSettings(threads=4)) as engine:
        table = table_of(engine, bodies, rows=200_000)
        path = tmp_path / "saved"
        assert table.save(sql, path, options=options) == 200_000
        reader = "read_parquet" if "parquet" in options else "read_csv"
        saved = [row[0] for row in duckdb.connect().execute(f"FROM {reader}('{path}')").fetchall()]
        fetched = [row["Key"] for row in table.fetch(sql, max_rows=200_000).rows]

    assert saved == fetched == sorted(saved, key=lambda key: (-int(key[-1]), key))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT Key FROM inventory",
        "SELECT Key FROM inventory WHERE Size >= (SELECT min(Size) FROM inventory)",
    ],
    ids=["streamed", "copied"],
)
def test_saved_rows_of_a_file_stay_in_their_order(tmp_path: Path, sql: str) -> None:
    bodies = [some_rows(150_000, prefix=prefix) for prefix in "ab"]
    with open_engine(EngineSettings(threads=4)) as engine:
        table_of(engine, bodies, rows=300_000).save(sql, tmp_path / "x.csv", options="FORMAT csv, HEADER false")
    saved = (tmp_path / "x.csv").read_text().split()
    for prefix in "ab":
        assert [key for key in saved if key[0] == prefix] == [f"{prefix}/{n}" for n in range(150_000)]


@pytest.mark.parametrize("options", ["FORMAT parquet", "FORMAT csv"])
def test_saved_file_replaces_another_once_it_is_whole(relation: Relation, tmp_path: Path, options: str) -> None:
    path = tmp_path / "saved"
    path.write_text("older")
    with pytest.raises(COSInventoryConfigurationError):
        relation.save("SELECT Key::INT AS n FROM inventory", path, options=options)
    assert path.read_text() == "older"
    assert relation.save("FROM inventory", path, options=options) == 1
    assert path.read_bytes() != b"older"
    assert [file.name for file in tmp_path.iterdir()] == ["saved"]
    assert list(relation.engine.folder.glob("*-saved")) == []


def test_saved_file_may_be_on_another_disk(relation: Relation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "replace", replace)
    assert relation.save("SELECT Key FROM inventory", tmp_path / "saved.csv", options="FORMAT csv") == 1
    assert (tmp_path / "saved.csv").read_text() == "Key\nk\n"
    assert relation.save("SELECT Key, Size FROM inventory", tmp_path / "by", options="FORMAT csv, PARTITION_BY (Size)")
    assert (tmp_path / "by" / "Size=1").is_dir()
    assert list(relation.engine.folder.glob("*-saved")) == []


def test_what_cannot_be_written_is_an_error(relation: Relation, tmp_path: Path) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="nowhere"):
        relation.save("FROM inventory", tmp_path / "nowhere" / "x.parquet", options="FORMAT parquet")


@pytest.mark.parametrize("options", ["FORMAT parquet", "FORMAT csv"])
def test_a_full_disk_of_the_temporary_folder_may_pass(options: str) -> None:
    # To follow a link to the full disk.
    with open_engine(EngineSettings(threads=2, allow_external_access=True)) as engine:
        table = table_of(engine, [gzip.compress(ROW)], columns=COLUMNS, rows=1)
        path = table.engine.folder / "result"
        path.symlink_to("/dev/full")
        with pytest.raises(COSInventoryTransientError, match="No space left on device") as raised:
            table.save("FROM inventory", path, options=options)
    assert raised.value.parameter == "temp_directory"


def test_no_room_for_what_memory_does_not_hold_may_pass() -> None:
    with open_engine(EngineSettings(memory_limit="40MB", threads=1, allow_external_access=True)) as engine:
        table = table_of(engine, [some_rows(10)], rows=10)
        engine.connection.execute("SET max_temp_directory_size = '1MB'")
        with pytest.raises(COSInventoryTransientError) as raised:
            table.fetch("SELECT count(*) FROM (SELECT DISTINCT md5(range::VARCHAR) FROM range(1_500_000))", max_rows=1)
    assert raised.value.parameter == "temp_directory"


def test_a_sum_in_parquet_loses_no_byte(tmp_path: Path) -> None:
    sizes = [2**53, 1]
    body = gzip.compress("".join(f"1,b,k{size},{size}\n" for size in sizes).encode())
    path = tmp_path / "sums.parquet"

    sql = 'SELECT Bucket, sum(Size) AS bytes, sum(Size)::UHUGEINT AS "wi""de" FROM inventory GROUP BY ALL'
    with opened([body], rows=2) as table:
        assert table.save(sql, path, options="FORMAT parquet") == 1

    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT *, typeof(bytes) FROM '{path}'").fetchall()
    assert found == [("b", sum(sizes), sum(sizes), "BIGINT")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("[sum(Size), 1]", [2**53 + 1, 1], id="list"),
        pytest.param("[sum(Size)]::HUGEINT[1]", [2**53 + 1], id="array"),
        pytest.param("struct_pack(total := sum(Size))", {"total": 2**53 + 1}, id="struct"),
        pytest.param("map(['all'], [sum(Size)])", [("all", 2**53 + 1)], id="map-value"),
        pytest.param("map([sum(Size)::UHUGEINT], ['all'])", [(2**53 + 1, "all")], id="map-key"),
        pytest.param("[{'of': {'all': sum(Size)}}]", [{"of": {"all": 2**53 + 1}}], id="nested"),
        pytest.param(
            """struct_pack("a HUGEINT" := 1, HUGEINT := 'HUGEINT'::ENUM('HUGEINT', 'it''s'), x := sum(Size))""",
            {"a HUGEINT": 1, "HUGEINT": "HUGEINT", "x": 2**53 + 1},
            id="odd-names",
        ),
    ],
)
def test_nested_sum_in_parquet_loses_no_byte(tmp_path: Path, value: str, expected: Any) -> None:
    body = gzip.compress("".join(f"1,b,k{size},{size}\n" for size in (2**53, 1)).encode())
    path = tmp_path / "sums.parquet"
    with opened([body], rows=2) as table:
        table.save(f"SELECT {value} AS x, count(*) AS n FROM inventory", path, options="FORMAT parquet")

    assert pyarrow.parquet.read_table(path).to_pylist() == [{"x": expected, "n": 2}]


@pytest.mark.parametrize("value", ["9223372036854775808", "[9223372036854775808]", "{'n': -9223372036854775809}"])
def test_a_number_that_parquet_has_no_room_for_is_an_error(tmp_path: Path, value: str) -> None:
    sql = f"SELECT {value} AS n FROM inventory"
    with opened([some_rows(1)]) as table:
        with pytest.raises(COSInventoryConfigurationError, match="out of range"):
            table.save(sql, tmp_path / "n.parquet", options="FORMAT parquet")
        table.save(sql, tmp_path / "n.csv", options="FORMAT csv, HEADER")
    assert re.findall(r"-?\d{19}", (tmp_path / "n.csv").read_text()) == re.findall(r"-?\d{19}", value)


def test_no_variable_of_this_package_is_a_table(relation: Relation) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="Table with name sql does not exist"):
        relation.fetch("SELECT * FROM sql", max_rows=1)
