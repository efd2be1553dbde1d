# SPDX-License-Identifier: Apache-2.0
"""One table of odd rows, read by the record reader, by the table and, where it can, by polars."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import InventoryRecord
from airflow_provider_cosinv.table.columns import table_columns
from airflow_provider_cosinv.table.csv.arrow_values import from_text
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.table.odd_rows import (
    BROKEN_GZIP,
    COLUMNS,
    FILE_COLUMNS,
    FILES,
    REFUSED,
    TOGETHER,
    USUAL,
    VALUES,
    OddFile,
    line_of,
)
from tests.table.tables import BUCKET, in_any_order, microseconds, records_of, row_of, table_of

ALL = "SELECT * REPLACE (epoch_us(LastModifiedDate) AS LastModifiedDate) FROM inventory"
VALID = [(column, text, value) for column, text, value in VALUES if value is not REFUSED]
REFUSALS = [(column, text) for column, text, value in VALUES if value is REFUSED]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as opened:
        yield opened


# What is wrong in these is no form.
BY_VALUE = ["a header is a row"]


EXPECTED = {"Tag": {"age": "18"}}


def expected(column: str, text: str, value: Any) -> dict[str, Any]:
    usual = records_of(gzip.compress(line_of("Size", "12")), COLUMNS)
    assert isinstance(usual, list)
    row = row_of(usual[0], COLUMNS)
    row[column] = microseconds(value) if column == "LastModifiedDate" and value else value
    return row


@pytest.mark.parametrize(("column", "text", "value"), VALID)
def test_the_record_reader_takes_an_odd_value(column: str, text: str, value: Any) -> None:
    found = records_of(gzip.compress(line_of(column, text)), COLUMNS)

    assert isinstance(found, list)
    assert [row_of(record, COLUMNS) for record in found] == [expected(column, text, value)]


@pytest.mark.parametrize(("column", "text"), REFUSALS)
def test_the_record_reader_refuses_a_value_and_names_its_line(column: str, text: str) -> None:
    error = records_of(gzip.compress(line_of("Size", "1") + line_of(column, text)), COLUMNS)

    assert isinstance(error, COSInventoryCorruptReportError)
    assert error.line == 2 + text.count("\n")
    assert column in error.message


def quickly(column: str, text: str) -> pa.Array | None:
    """What is made of a field without the record reader; of a key it is the text."""
    (found,) = table_columns((column,))
    return from_text(found, pa.array([text or None], pa.string()))


def test_what_is_read_quickly_is_what_the_record_reader_reads() -> None:
    sure = 0
    for name, text, value in VALUES:
        if name == "Key":
            continue
        values = quickly(name, text)
        if values is None:
            continue
        sure += 1
        (found,) = (values.cast(pa.int64()) if name == "LastModifiedDate" else values).to_pylist()
        if name == "Tag" and found is not None:
            found = dict(found)
        assert found == (microseconds(value) if name == "LastModifiedDate" and value else value), (name, text)
    # What is usual is read without the record reader.
    assert sure > 50


def test_a_key_that_is_surely_decoded_is_decoded_as_the_record_reader_does() -> None:
    sure = 0
    (column,) = table_columns(("Key",))
    with open_engine(EngineSettings(threads=1)) as engine:
        for name, text, value in VALUES:
            if name != "Key" or not text:
                continue
            field = f"(SELECT *, {column.below} FROM (SELECT ? AS c0))"
            try:
                ((found,),) = engine.connection.execute(f"SELECT {column.value} FROM {field}", [text]).fetchall()
            except duckdb.InvalidInputException:  # of error()
                continue
            sure += 1
            assert found == value, text
    assert sure > 20


@pytest.mark.parametrize("column", COLUMNS)
def test_a_usual_value_is_sure(column: str) -> None:
    values = quickly(column, USUAL[column])

    assert values is not None
    assert values.null_count == 0


def test_the_table_takes_all_odd_values_together(engine: Engine) -> None:
    bodies = [gzip.compress(line_of(column, text)) for column, text, _ in TOGETHER]
    table = table_of(engine, bodies, columns=COLUMNS, rows=len(bodies))
    rows = table.fetch(ALL, max_rows=1000).rows

    assert in_any_order(rows) == in_any_order(expected(*case) for case in TOGETHER)


@pytest.mark.parametrize(("column", "text"), REFUSALS)
def test_the_table_refuses_what_the_record_reader_refuses(engine: Engine, column: str, text: str) -> None:
    body = gzip.compress(line_of("Size", "1") + line_of(column, text))
    error = records_of(body, COLUMNS)

    table = table_of(engine, [body], columns=COLUMNS, rows=2)
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        table.fetch("FROM inventory", max_rows=9)
    assert str(raised.value) == str(error)


def as_rows(found: list[InventoryRecord]) -> list[tuple[str, int | None, str | None]]:
    return [(record.key, record.size, record.metadata["x-cos-meta-a"]) for record in found]


@pytest.mark.parametrize("odd", FILES, ids=lambda odd: odd.name)
def test_the_record_reader_and_the_table_read_an_odd_file_alike(engine: Engine, odd: OddFile) -> None:
    body = gzip.compress(odd.text)
    found = records_of(body, FILE_COLUMNS)
    table = table_of(engine, [body], columns=FILE_COLUMNS, rows=None if odd.rows is None else len(odd.rows))
    if odd.rows is None:
        assert isinstance(found, COSInventoryCorruptReportError)
        assert found.line == odd.line
        with pytest.raises(COSInventoryCorruptReportError) as raised:
            table.fetch("FROM inventory", max_rows=9)
        assert str(raised.value) == str(found)
    else:
        assert isinstance(found, list)
        assert as_rows(found) == list(odd.rows)
        rows = table.fetch("FROM inventory", max_rows=9).rows
        assert in_any_order(rows) == in_any_order(row_of(record, FILE_COLUMNS) for record in found)
        assert table.fetch("SELECT count(*) AS n FROM inventory", max_rows=9).rows == [{"n": len(odd.rows)}]


@pytest.mark.parametrize(
    "odd", [odd for odd in FILES if odd.line and odd.name not in BY_VALUE], ids=lambda odd: odd.name
)
def test_a_row_of_a_wrong_form_is_refused_by_a_statement_that_reads_no_column(engine: Engine, odd: OddFile) -> None:
    table = table_of(engine, [gzip.compress(odd.text)], columns=FILE_COLUMNS)
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        table.fetch("SELECT count(*) AS n FROM inventory", max_rows=9)
    assert raised.value.line == odd.line


@pytest.mark.parametrize("column", ["Tag", "ETag", "x-cos-meta-a", "Appid", "Key"])
def test_a_space_behind_a_comma_is_no_part_of_a_value(engine: Engine, column: str) -> None:
    fields = [f" {value}" if name == column else value for name, value in USUAL.items()]
    table = table_of(engine, [gzip.compress(",".join(fields).encode())], columns=COLUMNS, rows=1)

    assert table.fetch(ALL, max_rows=9).rows == [expected(column, USUAL[column], EXPECTED.get(column, USUAL[column]))]


@pytest.mark.parametrize("extra", [b",", b",,", b',""'])
def test_empty_fields_behind_the_last_column_are_too_many(engine: Engine, extra: bytes) -> None:
    body = gzip.compress(b"1,s,a,1,x" + extra + b"\n")
    assert isinstance(records_of(body, FILE_COLUMNS), COSInventoryCorruptReportError)

    table = table_of(engine, [body], columns=FILE_COLUMNS)
    with pytest.raises(COSInventoryCorruptReportError, match="fields"):
        table.fetch("FROM inventory", max_rows=9)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the csv module takes no NUL")
def test_a_nul_in_a_field_is_a_character(engine: Engine) -> None:
    body = gzip.compress(b"1,s,a,1,x\0y\n")
    table = table_of(engine, [body], columns=FILE_COLUMNS, rows=1)
    (row,) = table.fetch("FROM inventory", max_rows=9).rows

    found = records_of(body, FILE_COLUMNS)
    assert isinstance(found, list)
    assert found[0].metadata == {"x-cos-meta-a": row["x-cos-meta-a"]} == {"x-cos-meta-a": "x\0y"}


@pytest.mark.parametrize("body", BROKEN_GZIP.values(), ids=BROKEN_GZIP)
def test_broken_gzip_with_the_right_md5_is_refused(engine: Engine, body: bytes) -> None:
    table = table_of(engine, [body], columns=FILE_COLUMNS)
    for sql in ("FROM inventory", "SELECT count(*) AS n FROM inventory", "SELECT Key FROM inventory LIMIT 1"):
        with pytest.raises(COSInventoryCorruptReportError, match="gzip") as raised:
            table.fetch(sql, max_rows=10_000)
        assert (raised.value.bucket, raised.value.key) == (BUCKET, "reports/0.csv.gz")


def test_all_members_of_a_gzip_file_are_read(engine: Engine) -> None:
    body = gzip.compress(b"1,s,a,1,x\n1,s,b") + gzip.compress(b"") + gzip.compress(b",2,\n")

    table = table_of(engine, [body], columns=FILE_COLUMNS, rows=2)
    assert [row["Key"] for row in table.fetch("FROM inventory ORDER BY Key", max_rows=9).rows] == ["a", "b"]


def test_polars_reads_the_same_of_what_it_can_read(engine: Engine) -> None:
    # Formats that polars has, and no escapes in tags that only Python replaces.
    cases = [
        case
        for case in TOGETHER
        if not (case[0] == "LastModifiedDate" and not case[1].endswith(("Z", "+08:00", "-03:30")) and case[1])
        and not (case[0] == "LastModifiedDate" and case[1].startswith(("0001", "9999")))
        and "\r" not in case[1]
    ]
    text = b"".join(line_of(column, value) for column, value, _ in cases)
    frame = pl.read_csv(io.BytesIO(text), has_header=False, new_columns=list(COLUMNS), infer_schema=False)
    boolean = {"true": True, "1": True, "false": False, "0": False}
    filled = [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in COLUMNS]
    typed = frame.with_columns(filled).with_columns(
        pl.col("Key").map_elements(lambda key: unquote(key, errors="strict"), return_dtype=pl.String),
        pl.col("Size").cast(pl.Int64, strict=True),
        pl.col("Crc64").cast(pl.UInt64, strict=True),
        pl.col("LastModifiedDate")
        .str.replace("Z$", "+00:00")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=True)
        .dt.epoch("us"),
        pl.col("ETag").str.strip_chars('"').replace("", None),
        pl.col("IsLatest").str.to_lowercase().replace_strict(boolean, return_dtype=pl.Boolean),
        pl.col("Tag").map_elements(lambda tag: dict(parse_qsl(tag, keep_blank_values=True)), return_dtype=pl.Object),
    )
    table = table_of(engine, [gzip.compress(text)], columns=COLUMNS, rows=len(cases))
    rows = table.fetch(ALL, max_rows=1000).rows

    assert in_any_order(rows) == in_any_order(typed.to_dicts())
