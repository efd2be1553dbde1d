# SPDX-License-Identifier: Apache-2.0
"""What is read a column at a time is what the reader of rows would read, or left to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory import InventoryRecord
from airflow_provider_cosinv.inventory.rows.records import RowReader
from airflow_provider_cosinv.inventory.rows.records_by_column import ColumnReader

COLUMNS = ("Appid", "Key", "Size", "LastModifiedDate", "IsLatest", "ETag", "Crc64", "Tag", "x-cos-meta-a", "Novelty")
ROW = ("1", "a%2Fb", "12", "2022-11-20T02:53:38.000Z", "True", "e1", "18446744073709551615", "t=1", "m", "n")
EMPTY = ("", "a", "", "", "", "", "", "", "", "")


def by_column(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[InventoryRecord] | None:
    records = ColumnReader(RowReader(columns)).read(list(zip(*rows, strict=True)))
    return None if records is None else list(records)


def by_row(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[InventoryRecord] | None:
    reader = RowReader(columns)
    try:
        return [reader.read(row) for row in rows]
    except ValueError:
        return None


def both(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[InventoryRecord] | None:
    records = by_column(columns, rows)
    assert records == by_row(columns, rows)
    # 1 equals True, and a tuple equals a record.
    assert repr(records) == repr(by_row(columns, rows))
    return records


def values(column: str, *texts: str) -> list[Any]:
    records = both(("Key", column), [("k", text) for text in texts])
    assert records is not None
    place = InventoryRecord._fields.index({"LastModifiedDate": "last_modified"}.get(column, column.lower()))
    return [record[place] for record in records]


@pytest.mark.parametrize("rows", [[ROW], [ROW, ROW], [ROW, EMPTY], [EMPTY, EMPTY], [EMPTY, ROW, ROW]])
def test_every_column_is_read_as_by_the_reader_of_rows(rows):
    assert both(COLUMNS, rows) is not None


@pytest.mark.parametrize(
    "keys",
    [
        ["a", "b"],
        ["%E6%B8%85", "清单", "a+b", "a=b", "%3D=%3d", "a_b", "%25", "%2525"],
        ["%0A", "%0d%0a", "a%20 ", " ", "\t"],
        ["a\nb", "%41\r\n%42", "=\n%41", "a%20\n"],
        ["=41", "%41"],
        ["%00", "a"],
        ["a\0b", "%41"],
        ["".join(f"%{byte:02X}" for byte in range(128))],
        ["".join(f"%{byte:02x}" for byte in range(128))],
    ],
)
def test_keys_are_decoded_as_one_by_one(keys):
    assert both(("Key",), [(key,) for key in keys]) is not None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "%",
        "a%",
        "%4",
        "a%4",
        "%%41",
        "%%",
        "%4%41",
        "%zz",
        "%4z",
        "%ff",
        "%E6%B8",
        "%E6%B8%85%85",
        "=%",
        "%=41",
        "a%\n",
        "%\nb",
        "%\r\n",
        "%\rab",
    ],
)
def test_a_wrong_key_is_left_to_the_reader_of_rows(key):
    for keys in ([key], ["a", key], [key, "a"], ["%41", key, "%42"], [key, "\n"]):
        assert both(("Key",), [(text,) for text in keys]) is None


def test_keys_that_are_wrong_alone_are_not_put_right_by_the_next():
    for keys in (["%E6", "%B8%85"], ["%E6%B8", "%85"], ["%4", "1"], ["%", "41"], ["a%", "%41"]):
        assert both(("Key",), [(key,) for key in keys]) is None


def test_rows_without_a_column_of_keys_are_left_to_the_reader_of_rows():
    assert both(("Size",), [("1",)]) is None


@pytest.mark.parametrize("column", ["Size", "Crc64"])
def test_numbers_are_read(column):
    assert values(column, "0", "007", "9223372036854775807", "0" * 30) == [0, 7, 2**63 - 1, 0]
    assert values(column, "", "5", "") == [None, 5, None]
    assert values(column, "") == [None]


@pytest.mark.parametrize("bad", ["1.5", "-1", "+1", "1_0", " 1", "1 ", "\t1", "１", "²", "x", "9" * 20, "9" * 5000])
@pytest.mark.parametrize("column", ["Size", "Crc64"])
def test_a_wrong_number_is_left_to_the_reader_of_rows(column, bad):
    for texts in ([bad], ["1", bad], [bad, ""]):
        assert both(("Key", column), [("k", text) for text in texts]) is None


def test_a_number_too_large_for_its_column_of_the_table_is_left_to_the_reader_of_rows():
    assert both(("Key", "Size"), [("k", "9223372036854775808"), ("k", "1")]) is None
    assert both(("Key", "Size"), [("k", "9223372036854775808"), ("k", "")]) is None
    assert both(("Key", "Crc64"), [("k", "18446744073709551616")]) is None


TIMES = [
    "2022-11-20T02:53:38Z",
    "2022-11-20T02:53:38.123Z",
    "2022-11-20 02:53:38.123456Z",
    "2022-11-20 02:53:38",
    "2022-11-20T02:53:38.5Z",
    "2022-11-20T02:53:38+08:00",
    "2022-11-20T02:53:38.123-03:30",
    "2022-11-20t02:53:38z",
    "2022-11-20 02:53:38 UTC",
    "Sun, 20 Nov 2022 02:53:38 GMT",
    "1668912818",
    "",
]


@pytest.mark.parametrize("first", TIMES)
def test_times_of_one_form_and_of_two_are_read(first):
    for second in TIMES:
        assert both(("Key", "LastModifiedDate"), [("k", first), ("l", second), ("m", first)]) is not None
    for second in ("2022-11-20T02:53:39Z", "2022-11-20T02:53:3９Z", "2022-W47-7T02:53:38Z", "20221120T025338Z"):
        both(("Key", "LastModifiedDate"), [("k", first), ("l", second)])


@pytest.mark.parametrize("wrong", ["2022-02-30T02:53:38Z", "2022-11-20T25:53:38Z", "2022-11-20T02:53:38+99:00", "now"])
def test_a_wrong_time_is_left_to_the_reader_of_rows(wrong):
    for times in ([wrong], [wrong, "2022-11-20T02:53:38Z"], ["2022-11-20T02:53:38Z", wrong]):
        assert both(("Key", "LastModifiedDate"), [("k", time) for time in times]) is None


def test_booleans_are_read_in_any_case():
    texts = ["True", "true", "TRUE", "tRuE", "1", "False", "false", "FALSE", "fAlSe", "0", ""]
    for text in texts:
        assert both(("Key", "IsLatest"), [("k", text), ("l", "True")]) is not None
    assert both(("Key", "IsLatest"), [("k", text) for text in texts]) is not None
    assert both(("Key", "IsLatest"), [("k", "True"), ("l", "maybe")]) is None


def test_quotes_around_etags_are_taken_off():
    assert values("ETag", '"e"', "f", "", '"') == ["e", "f", None, None]


def test_two_columns_for_one_field_are_left_to_the_reader_of_rows():
    rows = [("k", "True", ""), ("l", "", "False")]

    assert by_column(("Key", "IsDeleteMarker", "DeleteMarker"), rows) is None
    assert by_row(("Key", "IsDeleteMarker", "DeleteMarker"), rows) is not None


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_keys = _texts.map(quote) | st.text(st.sampled_from("%%%4E6b8a=\n\r\0 é"), max_size=8) | _texts
_numbers = st.integers(0, 2**65).map(str) | st.sampled_from(["", "1", "1_0", " 1", "٣", "1\n"])
_times = st.sampled_from([*TIMES, "x"]) | st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-9:]{8}Z?", fullmatch=True)
_booleans = st.sampled_from(["True", "false", "", "1", "TRUE", "x"])
_rows = st.tuples(_texts, _keys, _numbers, _times, _booleans, _texts, _numbers, _texts, _texts, _texts)


@given(st.lists(_rows, min_size=1, max_size=4))
def test_any_rows_are_read_as_one_by_one(rows):
    both(COLUMNS, rows)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("Key", st.lists(_keys, min_size=1, max_size=5)),
        ("Size", st.lists(_numbers, min_size=1, max_size=5)),
        ("LastModifiedDate", st.lists(_times, min_size=1, max_size=3)),
    ],
)
@given(data=st.data())
def test_any_column_is_read_as_one_by_one(column, texts, data):
    drawn = data.draw(texts)
    if column == "Key":
        both(("Key",), [(text,) for text in drawn])
    else:
        both(("Key", column), [("k", text) for text in drawn])
