# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.fields import BASE_FIELDS, STANDARD_FIELDS, VERSION_FIELDS
from airflow_provider_cosinv.inventory.rows.records import (
    InventoryRecord,
    RowReader,
    decode_key,
    parse_boolean,
    parse_crc64,
    parse_size,
    parse_timestamp,
)

MOMENT = datetime(2022, 11, 20, 2, 53, 38, tzinfo=timezone.utc)
ROW = {
    "Appid": "1250000000",
    "Bucket": "examplebucket",
    "Key": "%E6%B8%85%E5%8D%95/a%20b+c.txt",
    "VersionId": "MTg0NDUxNTc1NjIzMTQ1MDAwODg",
    "IsLatest": "True",
    "IsDeleteMarker": "False",
    "Size": "1024",
    "LastModifiedDate": "2022-11-20T02:53:38.000Z",
    "StorageClass": "Standard",
    "ETag": '"ee8de918d05640145b18f70f4c3aa602"',
    "IsMultipartUploaded": "false",
    "ReplicationStatus": "replica",
    "Tag": "age=18&%E5%9F%8E=%E5%8C%97%20%E4%BA%AC",
    "Crc64": "16749565679157681890",
    "x-cos-meta-author": "清单",
    "x-cos-meta-*": "",
    "Novelty": "x",
}
RECORD = InventoryRecord(
    key="清单/a b+c.txt",
    appid="1250000000",
    bucket="examplebucket",
    version_id="MTg0NDUxNTc1NjIzMTQ1MDAwODg",
    is_latest=True,
    is_delete_marker=False,
    size=1024,
    last_modified=MOMENT,
    etag="ee8de918d05640145b18f70f4c3aa602",
    storage_class="Standard",
    is_multipart_uploaded=False,
    replication_status="replica",
    tag="age=18&%E5%9F%8E=%E5%8C%97%20%E4%BA%AC",
    crc64=16749565679157681890,
    metadata={"x-cos-meta-author": "清单", "x-cos-meta-*": None},
    other={"Novelty": "x"},
)


def read(**row: str) -> InventoryRecord:
    return RowReader(list(row)).read(list(row.values()))


def test_every_column_is_read_with_its_type() -> None:
    assert read(**ROW) == RECORD


def test_every_column_that_can_be_asked_for_has_a_field() -> None:
    columns = (*BASE_FIELDS, *VERSION_FIELDS, *STANDARD_FIELDS)

    assert (
        RowReader(columns).read(["1" if name != "LastModifiedDate" else "1668912818" for name in columns]).other == {}
    )


@given(st.permutations(list(ROW)))
def test_the_order_of_the_columns_comes_from_the_schema(names: list[str]) -> None:
    assert read(**{name: ROW[name] for name in names}) == RECORD


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_the_case_of_a_column_does_not_matter(change: Any) -> None:
    known = {name: text for name, text in ROW.items() if not name.startswith(("x-", "Nov"))}

    assert read(**{change(name): text for name, text in known.items()}) == RECORD._replace(metadata={}, other={})


def test_the_other_names_of_two_columns_are_known() -> None:
    record = read(Key="a", DeleteMarker="TRUE", LastModifiedTime="2022-11-20T02:53:38Z")

    assert (record.is_delete_marker, record.last_modified) == (True, MOMENT)


def test_an_empty_field_is_none_in_every_column() -> None:
    record = read(**{name: "" if name != "Key" else text for name, text in ROW.items()})

    assert record == InventoryRecord(
        key=RECORD.key, metadata={"x-cos-meta-author": None, "x-cos-meta-*": None}, other={"Novelty": None}
    )


def test_a_column_that_the_report_lacks_is_none() -> None:
    assert read(Key="a") == InventoryRecord(key="a")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"Key": ""}, "Key is empty"),
        ({"Size": "1"}, "Key is empty"),
        ({"Key": "a%zz"}, "Key: .* at character 2 that begins no escape"),
        ({"Key": "a%"}, "begins no escape"),
        ({"Key": "100%"}, "begins no escape"),
        ({"Key": "%ff"}, "not UTF-8 when decoded"),
        ({"Key": "%E6%B8"}, "not UTF-8 when decoded"),
        ({"Key": "a", "Size": "1.5"}, "Size: '1.5' is not a number"),
        ({"Key": "a", "Size": "-1"}, "Size: "),
        ({"Key": "a", "Size": "+1"}, "Size: "),
        ({"Key": "a", "Size": "1_000"}, "Size: "),
        ({"Key": "a", "Size": "１"}, "Size: "),
        ({"Key": "a", "Size": "9" * 5000}, "Size: .* is too large"),
        ({"Key": "a", "Size": "9223372036854775808"}, "Size: '9223372036854775808' is too large"),
        ({"Key": "a", "Crc64": "18446744073709551616"}, "Crc64: '18446744073709551616' is too large"),
        ({"Key": "a", "Crc64": "0x1f"}, "Crc64: "),
        ({"Key": "a", "IsLatest": "yes"}, "IsLatest: 'yes' is not a boolean"),
        ({"Key": "a", "IsMultipartUploaded": "2"}, "IsMultipartUploaded: "),
        ({"Key": "a", "LastModifiedDate": "yesterday"}, "LastModifiedDate: "),
    ],
)
def test_a_wrong_value_is_refused_and_its_column_named(row: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(**row)


@pytest.mark.parametrize("fields", [[], ["a"], ["a", "1", "x"]])
def test_too_few_and_too_many_fields_are_refused(fields: list[str]) -> None:
    with pytest.raises(ValueError, match=f"it has {len(fields)} fields, the schema has 2"):
        RowReader(["Key", "Size"]).read(fields)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("a%2fb", "a/b"),
        ("%25", "%"),
        ("%2520", "%20"),
        ("清单", "清单"),
        ("清%E5%8D%95", "清单"),
        ("%F0%9F%98%80", "😀"),
        ("%00%0a", "\x00\n"),
    ],
)
def test_a_key_is_percent_decoded_once_with_plus_left_alone(text: str, key: str) -> None:
    assert decode_key(text) == key


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["", "/", "/-_.~", "/+!*'()@:"]))
def test_a_key_comes_back_from_any_percent_encoding(key: str, safe: str) -> None:
    assert decode_key(quote(key, safe=safe)) == key


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "tRuE", "1"])
def test_true_is_read_in_any_case(text: str) -> None:
    assert parse_boolean(text) is True


@pytest.mark.parametrize("text", ["False", "false", "FALSE", "0"])
def test_false_is_read_in_any_case(text: str) -> None:
    assert parse_boolean(text) is False


def test_a_number_may_begin_with_zeros_and_be_as_large_as_a_column_of_the_table_holds() -> None:
    assert [parse_size(text) for text in ("0", "007", "9223372036854775807", "0" * 5000)] == [0, 7, 2**63 - 1, 0]
    assert [parse_crc64(text) for text in ("0", "007", "18446744073709551615")] == [0, 7, 2**64 - 1]


@pytest.mark.parametrize(
    "text",
    [
        "2022-11-20T02:53:38Z",
        "2022-11-20T02:53:38.000Z",
        "2022-11-20t02:53:38z",
        "2022-11-20 02:53:38",
        "2022-11-20T02:53:38",
        "2022-11-20 02:53:38 UTC",
        "2022-11-20T10:53:38+08:00",
        "2022-11-20T10:53:38+0800",
        "2022-11-20 10:53:38 +0800",
        "2022-11-19T23:23:38-03:30",
        "Sun, 20 Nov 2022 02:53:38 GMT",
        "Sun, 20 Nov 2022 02:53:38 -0000",
        "Sun, 20 Nov 2022 10:53:38 +0800",
        "1668912818",
    ],
)
def test_a_time_is_read_in_every_form_that_cos_writes(text: str) -> None:
    assert parse_timestamp(text) == MOMENT
    assert parse_timestamp(text).utcoffset() is not None


@pytest.mark.parametrize(
    ("fraction", "microsecond"), [("5", 500_000), ("123", 123_000), ("123456", 123_456), ("123456789", 123_456)]
)
def test_a_fraction_of_a_second_is_read_to_the_microsecond(fraction: str, microsecond: int) -> None:
    assert parse_timestamp(f"2022-11-20T02:53:38.{fraction}Z") == MOMENT.replace(microsecond=microsecond)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2022-11-20",
        "2022-13-01T00:00:00Z",
        "2022-02-30T00:00:00Z",
        "2022-11-20T25:00:00Z",
        "2022-11-20T02:53:38+99:00",
        "20221120T025338Z",
        "20260101",
        "202601010000",
        "9999999999999999",
        "Sun, 20 Nov 2022 10:53:38 CST",
        "Sun Nov 20 10:53:38 CST 2022",
        "Sun, 31 Feb 2022 10:53:38 GMT",
        "11/20/2022",
        "now",
    ],
)
def test_a_time_that_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError, OSError)):
        parse_timestamp(text)
    with pytest.raises(ValueError, match=r"LastModifiedDate|Key is empty"):
        read(Key="a" if text else "", LastModifiedDate=text)


@given(
    st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_any_time_in_iso_8601_comes_back(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment


@given(st.text(max_size=40) | st.from_regex(r"[0-9TZ:. +-]{1,30}"))
def test_any_text_in_a_row_is_read_or_a_value_error(text: str) -> None:
    for column in ("Key", "Size", "LastModifiedDate", "IsLatest", "Crc64", "Tag", "ETag", "x-cos-meta-a", "?"):
        try:
            record = read(**{"Key": "a", column: text})
        except ValueError:
            continue
        assert record.last_modified is None or record.last_modified.utcoffset() is not None
        record.tags()


def test_tags_are_read_from_their_text() -> None:
    assert RECORD.tags() == {"age": "18", "城": "北 京"}
    assert InventoryRecord(key="a", tag="b=&c").tags() == {"b": "", "c": ""}
    assert InventoryRecord(key="a").tags() == {}


def test_a_record_survives_pickling_and_copying() -> None:
    assert pickle.loads(pickle.dumps(RECORD)) == copy.deepcopy(RECORD) == RECORD
