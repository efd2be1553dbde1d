# SPDX-License-Identifier: Apache-2.0
"""The ready-made queries answer what plain Python does, whatever is empty, listed twice or oddly spelled."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.queries.catalogue import READY_QUERIES, ready_query
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.relation import Relation
from tests.table.query_oracle import COLUMNS, ORACLE, Row, listed_once
from tests.table.query_report import make_tables
from tests.table.tables import table_of

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
PRICES = {"STANDARD": 2.0, "standard_ia": 1.5}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as opened:
        yield opened


def body_of(rows: Sequence[Row]) -> bytes:
    """Rows as a data file."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        fields = {**row, "Key": quote(row["Key"])}
        moment = row["LastModifiedDate"]
        fields["LastModifiedDate"] = moment and moment.isoformat()
        writer.writerow(["" if fields[name] is None else str(fields[name]) for name in COLUMNS])
    return gzip.compress(text.getvalue().encode(), 1)


def ask(table: Relation, name: str, arguments: dict[str, Any]) -> list[Row]:
    table.list_once()
    sql = ready_query(name, arguments, columns=table.columns, encoded=table.has_encoded, at_depth=table.at_depth)
    rows = table.fetch(sql, max_rows=1000).rows
    for row in rows:
        if text := row.get("last_modified"):
            row["last_modified"] = datetime.fromisoformat(text)
    return rows


def check(found: list[Row], expected: list[Row]) -> None:
    assert len(found) == len(expected)
    for line, right in zip(found, expected, strict=True):
        assert line == {
            key: pytest.approx(value) if isinstance(value, float) else value for key, value in right.items()
        }


def arguments_of(name: str, drawn: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The drawn arguments that the query takes, as the query and as the oracle take them."""
    given_ = {key: value for key, value in drawn.items() if key in READY_QUERIES[name].arguments}
    if name == "largest_objects" and given_["limit"] is None:
        del given_["limit"]
    return given_, {**given_, **({"now": NOW} if name == "by_age" else {})}


DEFAULTS = {"now": NOW.isoformat(), "prices": PRICES, "limit": None, "depth": 1}

_keys = st.sampled_from(["a", "a/b", "a/b/c", "a b/c", "a+b/c", "图/a", "/x", "logs/%41", "z/z"])
_times = st.none() | st.integers(-3, 500).map(lambda days: NOW - timedelta(days=days))
_rows = st.fixed_dictionaries(
    {
        "Key": _keys,
        "VersionId": st.sampled_from([None, "v1", "v2", "v3"]),
        "IsLatest": st.sampled_from([None, True, False]),
        "IsDeleteMarker": st.sampled_from([None, False, True]),
        "Size": st.sampled_from([None, 0, 1, 100, 5000, 2**40]),
        "LastModifiedDate": _times,
        "ETag": st.sampled_from([None, "e1", "e2", "e3-2"]),
        "StorageClass": st.sampled_from([None, "STANDARD", "Standard", "STANDARD_IA", "StandardIA", "odd class"]),
        "IsMultipartUploaded": st.sampled_from([None, True, False]),
        "ReplicationStatus": st.sampled_from([None, "PENDING", "pending", "REPLICA"]),
    }
)


@st.composite
def reports(draw: st.DrawFn) -> list[list[Row]]:
    """Data files: in the order of the keys or not, with rows that stand twice in one file or in two."""
    rows: list[Row] = draw(st.lists(_rows, max_size=12))
    for row in draw(st.lists(st.sampled_from(rows), max_size=4)) if rows else []:
        moment = row["LastModifiedDate"]
        # It was overwritten while COS listed, or not.
        is_changed = moment is not None and draw(st.booleans())
        rows.append({**row, "LastModifiedDate": moment + timedelta(hours=1), "Size": 7} if is_changed else dict(row))
    empty = dict.fromkeys(draw(st.sets(st.sampled_from(COLUMNS[1:]), max_size=3)))
    # Of two rows of one object and one time, nothing would tell which of them counts.
    known: dict[tuple[Any, ...], Row] = {}
    emptied = [{**row, **empty} for row in rows]
    listed = [known.setdefault((row["Key"], row["VersionId"], row["LastModifiedDate"]), row) for row in emptied]
    if draw(st.booleans()):
        listed.sort(key=lambda row: row["Key"].encode())
    cut = draw(st.integers(0, len(listed)))
    return [listed[:cut], listed[cut:]]


_arguments = st.fixed_dictionaries(
    {
        "depth": st.integers(0, 3),
        "limit": st.sampled_from([None, 1, 3]),
        "now": st.just(NOW.isoformat()),
        "edges": st.sampled_from([[7, 30], [1], [365]]),
        "min_bytes": st.sampled_from([1, 100]),
        "current_only": st.booleans(),
        "prices": st.just(PRICES),
        "minimum_bytes": st.sampled_from([{}, {"STANDARD_IA": 65536}, {"Standard": 1}]),
    }
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=reports(), name=st.sampled_from(sorted(READY_QUERIES)), drawn=_arguments, reads_parts=st.booleans())
def test_queries_count_as_the_oracle_does(
    engine: Engine, files: list[list[Row]], name: str, drawn: dict[str, Any], reads_parts: bool
) -> None:
    arguments, right = arguments_of(name, drawn)
    rows = [row for file in files for row in file]
    table: Relation = table_of(engine, list(map(body_of, files)), columns=COLUMNS, rows=len(rows))
    if reads_parts:
        path = engine.new_file("part.parquet")
        table.save_part(path)  # type: ignore[attr-defined]
        table = PartsTable(engine=engine, paths=[str(path)])
    check(ask(table, name, arguments), ORACLE[name](listed_once(rows), **right))


def some_rows() -> list[Row]:
    """Rows of three keys in two folders, whose every column has a value."""
    return [
        {
            "Key": f"{'ab'[number % 2]}/{number // 4}",
            "VersionId": f"v{number}",
            "IsLatest": number // 2 % 2 == 0,
            "IsDeleteMarker": number % 3 == 0,
            "Size": 100 * (number // 3),
            "LastModifiedDate": NOW - timedelta(days=10 * number),
            "ETag": f"e{number // 6}",
            "StorageClass": ("STANDARD", "STANDARD_IA")[number // 2 % 2],
            "IsMultipartUploaded": number % 2 == 0,
            "ReplicationStatus": ("PENDING", "REPLICA")[number // 2 % 2],
        }
        for number in range(12)
    ]


EXTENTS = {
    "some rows": lambda number, _: number % 5 == 1,
    "a class": lambda _, row: row["StorageClass"] == "STANDARD",
    "all rows": lambda *_: True,
}


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("column", COLUMNS[1:])
def test_an_empty_column_is_counted_as_the_oracle_does(column: str, extent: str) -> None:
    rows = some_rows()
    for number, row in enumerate(some_rows()):
        if EXTENTS[extent](number, row):
            rows[number][column] = None
    with duckdb.connect(config={"threads": 1}) as connection:
        make_tables(connection, [])
        connection.executemany(
            f"INSERT INTO inventory VALUES ({', '.join('?' * len(COLUMNS))})", [[*row.values()] for row in rows]
        )
        for name in READY_QUERIES:
            arguments, right = arguments_of(name, {**DEFAULTS, "current_only": True})
            answer = pa.table(connection.sql(ready_query(name, arguments, columns=COLUMNS)))
            check(answer.to_pylist(), ORACLE[name](rows, **right))


def test_rows_that_stand_twice_count_once(engine: Engine) -> None:
    bodies = [body_of(some_rows()), body_of(some_rows())]
    for name in READY_QUERIES:
        table = table_of(engine, bodies, columns=COLUMNS, rows=24)
        arguments, right = arguments_of(name, DEFAULTS)
        check(ask(table, name, arguments), ORACLE[name](some_rows(), **right))
        assert table.repeated == 12
