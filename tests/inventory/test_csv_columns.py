# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.rows.csv_columns import split_columns
from tests.inventory.strategies import damaged


def by_csv(text: str) -> list[list[str]]:
    """The rows as the reader of rows sees them."""
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True, skipinitialspace=True)
    return [row for row in reader if row]


def rows_of(columns: list[list[str]] | None) -> list[list[str]] | None:
    return None if columns is None else [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        '"a","b"\n',
        '"a","b"\n"c","d"\n',
        '"a","b"\r\n"c","d"\r\n',
        '"",""\n"",""\n',
        '"a,b","c\nd"\n"e\r\nf","g,\n"\n',
        '"a""b","c"\n"""","d"\n',
        '"""a""","""""b"\n',
        '",",""","""\n',
        '" a ",","\n',
        "a,b\nc,d\n",
        "a,b\r\nc,d\r\n",
        ",\n,\n",
        "a ,清单\nb c,d\n",
    ],
)
def test_plain_rows_are_split_a_column_at_a_time(text: str) -> None:
    assert rows_of(split_columns(text, 2)) == by_csv(text)


@pytest.mark.parametrize(
    "text",
    [
        'a,"b"\n',
        '"a",b\n',
        '"a", "b"\n',
        "a, b\n",
        " a,b\n",
        "a,b\n c,d\n",
        '"a","b"\n\n"c","d"\n',
        "a,b\n\nc,d\n",
        '"a","b","c"\n',
        '"a"\n"b"\n',
        '"a","b","c"\n"d"\n',
        "a,b,c\n",
        "a\nb\n",
        "a,b,c\nd\n",
        "\na,b,c\n",
        '"a","b"',
        "a,b",
        "a,b\nc",
        '"a","b"\n"c\n',
        '"a"x,"b"\n',
        '"a"" ,"b"\n',
        '"a","b"\r\n"c","d"\n',
        '"a","b"\n"c","d"\r\n',
        "a,b\r\nc,d\n",
        "a,b\nc,d\r\n",
        "a\r,b\n",
        '"a\0","b"\n',
        "a,b\0\n",
    ],
)
def test_rows_that_are_not_plain_are_left_to_the_csv_module(text: str) -> None:
    assert split_columns(text, 2) is None


def test_rows_of_one_column_without_quotes_are_left_to_the_csv_module_which_skips_empty_lines() -> None:
    assert split_columns("a\n\nb\n", 1) is None
    assert split_columns('"a"\n""\n', 1) == [["a", ""]]


@pytest.mark.parametrize("row", ['"a","{}"\n', "a,{}\n"])
def test_a_field_too_long_for_the_csv_module_is_left_to_it(row: str) -> None:
    limit = csv.field_size_limit()

    assert split_columns(row.format("x" * limit), 2) is None
    assert split_columns(row.format("x" * (limit - 10)), 2) is not None


@pytest.mark.parametrize("quotes", [1, 20])
def test_a_few_doubled_quotes_are_joined(quotes: int) -> None:
    text = '"a","b"\n"c","' + '""' * quotes + '"\n"d","x""y"\n'

    assert rows_of(split_columns(text, 2)) == by_csv(text)


def test_many_doubled_quotes_are_left_to_the_csv_module() -> None:
    assert split_columns('"a","' + '""' * 10_000 + '"\n', 2) is None


_fields = st.text(st.sampled_from('ab ,"\r\n清\u2028'), max_size=6) | st.sampled_from(["", '"', ",", '","', "\n"])
_mostly_plain = st.text(st.sampled_from("ab清,"), max_size=4) | _fields


@given(
    rows=st.lists(st.lists(_mostly_plain, min_size=3, max_size=3), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_split_is_what_was_written(rows: list[list[str]], quoting: Any, newline: str) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=newline).writerows(rows)

    # Python 3.10 writes a carriage return without quotes.
    if quoting == csv.QUOTE_ALL:
        assert rows_of(split_columns(text.getvalue(), 3)) in (rows, None)
    _same_or_not_at_all(text.getvalue(), 3)


_characters = st.sampled_from(
    ['"', '"', '"', ",", ",", "\n", "\n", "\r\n", "\r", " ", '","', '"\n"', '""', "a", "清", "\0"]
)


@given(st.lists(_characters, max_size=40).map("".join), st.integers(1, 3))
def test_any_text_is_split_as_the_csv_module_does_or_not_at_all(text: str, width: int) -> None:
    _same_or_not_at_all(text, width)


_QUOTED = b'"a","b,","c"\n"d","","e""f"\n"g","\n","h"\n"i","j","k"\n'


@given(damaged(_QUOTED) | damaged(_QUOTED.replace(b"\n", b"\r\n")) | damaged(b"a,b,c\nd,,e f\ng,h,i\n"))
def test_damaged_text_is_split_as_the_csv_module_does_or_not_at_all(body: bytes) -> None:
    _same_or_not_at_all(body.decode("utf-8", "ignore"), 3)


def _same_or_not_at_all(text: str, width: int) -> None:
    columns = split_columns(text, width)
    if columns is not None:
        assert len(columns) == width
        assert rows_of(columns) == by_csv(text)
