# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import STANDARD_FIELDS
from airflow_provider_cosinv.inventory.fields import BASE_FIELDS, VERSION_FIELDS
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.table.tables import BUCKET, MANIFEST, opened, table_of

EVERY = (*BASE_FIELDS, *VERSION_FIELDS, *STANDARD_FIELDS, "x-cos-meta-a", "Novelty")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as opened:
        yield opened


def test_each_column_has_its_type(engine: Engine) -> None:
    table = table_of(engine, [gzip.compress(b"1,b,k" + b"," * (len(EVERY) - 3) + b"\n")], columns=EVERY, rows=1)
    types = ", ".join(f'typeof("{name}") AS "{name}"' for name in EVERY)
    (row,) = table.fetch(f"SELECT {types} FROM inventory", max_rows=1).rows

    assert row == {
        **dict.fromkeys(EVERY, "VARCHAR"),
        "IsLatest": "BOOLEAN",
        "IsDeleteMarker": "BOOLEAN",
        "IsMultipartUploaded": "BOOLEAN",
        "Size": "BIGINT",
        "LastModifiedDate": "TIMESTAMP WITH TIME ZONE",
        "Tag": "MAP(VARCHAR, VARCHAR)",
        "Crc64": "UBIGINT",
    }


def test_an_empty_field_is_null(engine: Engine) -> None:
    table = table_of(engine, [gzip.compress(b",,k" + b"," * (len(EVERY) - 3) + b"\n")], columns=EVERY, rows=1)

    assert table.fetch("FROM inventory", max_rows=1).rows == [{**dict.fromkeys(EVERY), "Key": "k"}]


def test_columns_have_one_spelling(engine: Engine) -> None:
    columns = ("appid", "BUCKET", "key", "DeleteMarker", "LastModifiedTime", "X-COS-Meta-A")
    table = table_of(engine, [gzip.compress(b"1,b,k,true,0,x\n")], columns=columns, rows=1)

    assert table.columns == ("Appid", "Bucket", "Key", "IsDeleteMarker", "LastModifiedDate", "X-COS-Meta-A")
    assert table.fetch("SELECT IsDeleteMarker AS d FROM inventory", max_rows=1).rows == [{"d": True}]


def test_two_columns_that_are_one_are_refused(engine: Engine) -> None:
    columns = ("Key", "IsDeleteMarker", "DeleteMarker")
    table = table_of(engine, [gzip.compress(b"k,true,false\n")], columns=columns, rows=1)

    with pytest.raises(COSInventoryCorruptReportError, match="IsDeleteMarker and DeleteMarker") as raised:
        table.fetch("FROM inventory", max_rows=1)
    assert (raised.value.bucket, raised.value.key) == (BUCKET, MANIFEST)


@pytest.mark.parametrize("odd", [b"", b"1,b,z, 12\n"], ids=["by pyarrow", "by the record reader"])
def test_encoded_keys_are_keys_that_are_decoded_later(odd: bytes) -> None:
    body = gzip.compress(b"1,b,a%2Fb/%E6%B8%85,1\n1,b,p%2525,2\n" + odd)
    sql = "SELECT decode_key(Key) AS Key FROM inventory_encoded ORDER BY Size"
    with opened([body], rows=2 + bool(odd)) as table:
        assert [row["Key"] for row in table.fetch(sql, max_rows=9).rows][:2] == ["a/b/清", "p%25"]
        twice = f"SELECT e.Key FROM ({sql}) e JOIN inventory i USING (Key) ORDER BY i.Size"
        assert [row["Key"] for row in table.fetch(twice, max_rows=9).rows][:2] == ["a/b/清", "p%25"]


def test_a_piece_that_is_cut_in_the_middle_of_an_escape_is_no_key(engine: Engine) -> None:
    table = table_of(engine, [gzip.compress(b"1,b,%E6%B8%85,1\n")], rows=1)

    with pytest.raises(COSInventoryConfigurationError, match="this is not: %E6%B8"):
        table.fetch("SELECT decode_key(substring(Key, 1, 6)) FROM inventory_encoded", max_rows=1)
    assert table.fetch("SELECT decode_key(NULL) AS k", max_rows=1).rows == [{"k": None}]


def test_a_value_is_checked_where_its_column_is_read(engine: Engine) -> None:
    table = table_of(engine, [gzip.compress(b"1,b,k,12x\n")], rows=1)

    assert table.fetch("SELECT Key FROM inventory", max_rows=1).rows == [{"Key": "k"}]
    with pytest.raises(COSInventoryCorruptReportError, match="Size"):
        table.fetch("SELECT sum(Size) FROM inventory", max_rows=1)
