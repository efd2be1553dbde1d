# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import csv
import dataclasses
import gzip
import hashlib
import io
import itertools
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.inventory import STANDARD_FIELDS, DataFile, InventoryRecord
from airflow_provider_cosinv.inventory.fields import BASE_FIELDS, VERSION_FIELDS
from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from tests.inventory.strategies import damaged

BUCKET = "inventorybucket-1250000000"
KEY = "reports/1250000000/examplebucket/disposable/04d73d9debc73d9f0bf85af461abde6c.csv.gz"
COLUMNS = ("Appid", "Bucket", "Key", "Size", "Tag")
MEBIBYTE = 1024 * 1024


def describe(body: bytes) -> DataFile:
    return DataFile(key=KEY, size=len(body), md5=hashlib.md5(body).hexdigest())


def chunked(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read_body(
    body: bytes, *, columns: tuple[str, ...] = COLUMNS, file: DataFile | None = None, chunk: int = 65536
) -> list[InventoryRecord]:
    return list(read_records(chunked(body, chunk), file=file or describe(body), bucket=BUCKET, columns=columns))


def read_text(text: str | bytes, **how: Any) -> list[InventoryRecord]:
    return read_body(gzip.compress(text if isinstance(text, bytes) else text.encode()), **how)


def refusal(body: bytes, **how: Any) -> COSInventoryCorruptReportError:
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        read_body(body, **how)
    assert (raised.value.bucket, raised.value.key) == (BUCKET, KEY)
    return raised.value


def records(*rows: tuple[str, int | None, str | None]) -> list[InventoryRecord]:
    return [
        InventoryRecord(appid="1", bucket="b", key=key, size=size, tag=tag)  # as in the texts below
        for key, size, tag in rows
    ]


TWO = records(("a", 1, "x"), ("b", 2, None))


@pytest.mark.parametrize(
    "text",
    [
        "1,b,a,1,x\n1,b,b,2,\n",
        "1,b,a,1,x\r\n1,b,b,2,\r\n",
        "1,b,a,1,x\n1,b,b,2,",
        "1, b, a, 1, x\n1, b, b, 2, \n",
        '"1","b","a","1","x"\n"1","b","b","2",""\n',
        '"1", "b", "a", "1", "x"\n"1", "b", "b", "2", ""\n',
        "1,b,a,1,x\n\n1,b,b,2,\n\n",
    ],
    ids=["LF", "CRLF", "no last newline", "spaces after commas", "quoted", "quoted with spaces", "blank lines"],
)
def test_rows_are_read_in_every_usual_dialect(text: str) -> None:
    assert read_text(text) == TWO


def test_quoted_fields_hold_commas_quotes_and_newlines() -> None:
    text = '1,b,"a,b",1,"say ""x"""\n1,b,c,2,"two\nlines\r\nand more"\n1,b,d,3,"一，二"\n'

    assert read_text(text) == records(("a,b", 1, 'say "x"'), ("c", 2, "two\nlines\r\nand more"), ("d", 3, "一，二"))


def test_only_a_line_feed_ends_a_line() -> None:
    odd = "a\u2028b\x85c\x0bd\x0ce\x1cf"

    assert read_text(f"1,b,a,1,{odd}\n1,b,b,2,\n") == records(("a", 1, odd), ("b", 2, None))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 1000, 10**9])
def test_the_size_of_the_chunks_does_not_matter(chunk: int) -> None:
    rows = [(f"清单/{n}", n, f"t={n}&城=北京😀") for n in range(300)]
    text = "".join(f'1,b,{quote(key)},{size},"{tag}"\r\n' for key, size, tag in rows)

    assert read_text(text, chunk=chunk) == records(*rows)


def test_empty_chunks_are_passed_over() -> None:
    body = gzip.compress(b"1,b,a,1,x\n1,b,b,2,\n")
    chunks = [b"", body[:5], b"", body[5:], b""]

    assert list(read_records(chunks, file=describe(body), bucket=BUCKET, columns=COLUMNS)) == TWO


@pytest.mark.parametrize("chunk", [1, 10, 10**9])
def test_several_gzip_members_are_read_as_one_file(chunk: int) -> None:
    body = gzip.compress(b"1,b,a,") + gzip.compress(b"") + gzip.compress(b"1,x\n1,b,b,2,\n")

    assert read_body(body, chunk=chunk) == TWO


@pytest.mark.parametrize("body", [b"", gzip.compress(b"", mtime=0), gzip.compress(b"\n", mtime=0)])
def test_an_empty_file_has_no_rows(body: bytes) -> None:
    assert read_body(body) == []


def test_rows_come_while_the_file_streams() -> None:
    body = gzip.compress("".join(f"1,b,{n},{n},\n" for n in range(200_000)).encode())
    taken = []

    def count() -> Iterator[bytes]:
        for chunk in chunked(body, 4096):
            taken.append(len(chunk))
            yield chunk

    rows = read_records(count(), file=describe(body), bucket=BUCKET, columns=COLUMNS)

    assert next(iter(rows)).key == "0"
    assert sum(taken) < len(body) / 2


GOOD = gzip.compress(b"1,b,a,1,x\n1,b,b,2,\n", mtime=0)


def test_a_gzip_stream_cut_anywhere_is_refused() -> None:
    for end in range(1, len(GOOD)):
        cut = GOOD[:end]
        assert "ends in the middle of its gzip stream" in refusal(cut, file=describe(cut)).message


def test_a_file_cut_anywhere_is_shorter_than_its_manifest_says() -> None:
    for end in range(len(GOOD)):
        assert refusal(GOOD[:end], file=describe(GOOD)).message == (
            f"The data file has {end} bytes, the manifest says {len(GOOD)}."
        )


def test_a_longer_file_is_refused_before_the_rest_is_read() -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        yield GOOD
        while True:
            taken.append(1)
            yield b"x" * 100

    with pytest.raises(COSInventoryCorruptReportError, match=f"longer than the {len(GOOD)} bytes"):
        list(read_records(endless(), file=describe(GOOD), bucket=BUCKET, columns=COLUMNS))
    assert len(taken) == 1


def test_another_md5_is_refused() -> None:
    other = dataclasses.replace(describe(GOOD), md5="0" * 32)

    assert "MD5" in refusal(GOOD, file=other).message


def test_a_bit_flipped_anywhere_is_refused() -> None:
    for place in range(len(GOOD)):
        broken = bytearray(GOOD)
        broken[place] ^= 0x10
        refusal(bytes(broken), file=describe(GOOD))


@pytest.mark.parametrize("place", [-8, -4], ids=["CRC", "length"])
def test_a_wrong_trailer_of_gzip_is_refused(place: int) -> None:
    broken = bytearray(GOOD)
    broken[place] ^= 1

    assert "not gzip" in refusal(bytes(broken)).message


@pytest.mark.parametrize(
    "body", [b"1,b,a,1,x\n", b"\x1f\x8b", b"<Error/>", GOOD + b"garbage", zlib.compress(b"1,b,a,1,x\n")]
)
def test_what_is_not_gzip_is_refused(body: bytes) -> None:
    assert "gzip" in refusal(body).message


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("1,b,a,1,x\n1,b,b,2\n", 2, "it has 4 fields, the schema has 5"),
        ("1,b,a,1,x,y\n", 1, "it has 6 fields, the schema has 5"),
        ("1,b,a,1,x\n1,b,b,two,\n", 2, "Size: 'two' is not a number"),
        ("1,b,a%2,1,x\n", 1, "begins no escape"),
        ("1,b,a,1,x\n\n1,b,%ff,2,\n", 3, "not UTF-8 when decoded"),
        ('1,b,a,1,"x\ny"\n1,b,,2,\n', 3, "Key is empty"),
        ('1,b,a,1,"x"y\n', 1, "expected after"),
        ('1,b,a,1,x\n1,b,b,2,"x\n1,b,c,3,\n', 3, "unexpected end of data"),
        ("1,b,a,1,x\ry\n", 1, "new-line character"),
        (" \n", 1, "it has 1 fields"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_its_line_named(text: str, line: int, reason: str) -> None:
    error = refusal(gzip.compress(text.encode()))

    assert error.line == line
    assert reason in error.message


def test_a_wrong_boolean_and_a_wrong_time_name_their_line() -> None:
    columns = ("Key", "IsLatest", "LastModifiedDate")
    good = "a,True,2022-11-20T02:53:38Z\n"

    for bad, column in (("b,maybe,\n", "IsLatest"), ("b,,20th of May\n", "LastModifiedDate")):
        error = refusal(gzip.compress(f"{good}{bad}".encode()), columns=columns)
        assert (error.line, column in error.message) == (2, True)


@pytest.mark.parametrize("chunk", [1, 50, 10**9])
@pytest.mark.parametrize("good", [0, 1, 5000])
def test_bytes_that_are_not_utf_8_name_their_line(good: int, chunk: int) -> None:
    error = refusal(gzip.compress("1,b,清单,1,x\n".encode() * good + b"1,b,\xff,1,x\n1,b,a,1,x\n"), chunk=chunk)

    assert "not UTF-8" in error.message
    assert error.line == good + 1


def test_a_character_cut_by_the_end_of_the_file_names_its_line() -> None:
    error = refusal(gzip.compress(b"1,b,a,1,x\n1,b,b,2,\xe6\xb8"))

    assert ("not UTF-8" in error.message, error.line) == (True, 2)


def test_rows_before_a_broken_one_are_handed_out() -> None:
    body = gzip.compress(b"1,b,a,1,x\n1,b,b,2,\nbroken\n")
    rows = read_records([body], file=describe(body), bucket=BUCKET, columns=COLUMNS)

    assert [next(rows), next(rows)] == TWO
    with pytest.raises(COSInventoryCorruptReportError):
        next(rows)


@pytest.mark.parametrize(
    "fault", [COSInventoryTransientError("reset"), COSInventoryConfigurationError("no key"), ValueError("closed")]
)
def test_a_fault_of_the_download_is_not_a_fault_of_the_report(fault: Exception) -> None:
    def broken() -> Iterator[bytes]:
        yield GOOD[:10]
        raise fault

    with pytest.raises(type(fault)) as raised:
        list(read_records(broken(), file=describe(GOOD), bucket=BUCKET, columns=COLUMNS))
    assert raised.value is fault


def repeated(unit: bytes, total: int) -> bytes:
    """Some 200 MB of the same, compressed without holding it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = unit * (MEBIBYTE // len(unit))
    return b"".join(deflate.compress(block) for _ in range(total // len(block))) + deflate.flush()


def peak_of(read: Iterable[InventoryRecord]) -> tuple[int, COSInventoryCorruptReportError]:
    tracemalloc.start()
    try:
        with pytest.raises(COSInventoryCorruptReportError) as raised:
            for _ in read:
                pass
        return tracemalloc.get_traced_memory()[1], raised.value
    finally:
        tracemalloc.stop()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("unit", "line"),
    [(b"\x00", 1), (b"a,", 1), (b'"', 1), (b'"a\n",', None), (b'"\n', None), ("清".encode(), 1)],
    ids=["zeros", "endless fields", "endless quotes", "a row over endless lines", "quoted lines", "endless Chinese"],
)
def test_a_zip_bomb_is_refused_in_bounded_memory(unit: bytes, line: int | None) -> None:
    body = repeated(unit, 200 * MEBIBYTE)
    assert len(body) < MEBIBYTE

    rows = read_records(chunked(body, 256 * 1024), file=describe(body), bucket=BUCKET, columns=COLUMNS)
    peak, error = peak_of(rows)

    assert peak < 64 * MEBIBYTE
    assert error.key == KEY
    assert error.line is not None
    assert line in (None, error.line)


def test_a_long_line_names_its_line() -> None:
    error = refusal(gzip.compress(b"1,b,a,1,x\n1,b,b,2," + b"x" * (2 * MEBIBYTE)))

    assert ("characters long" in error.message, error.line) == (True, 2)


@pytest.mark.integration
def test_reading_a_large_file_takes_bounded_memory() -> None:
    body = gzip.compress("".join(f"1,b,key-{n:030},{n},\n" for n in range(100_000)).encode(), 1)
    tracemalloc.start()
    try:
        rows = sum(1 for _ in read_records(chunked(body, 65536), file=describe(body), bucket=BUCKET, columns=COLUMNS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert rows == 100_000
    assert peak < 8 * MEBIBYTE


_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_rows = st.lists(st.tuples(_keys, st.none() | st.integers(0, 2**63 - 1), _texts), max_size=20)


@given(
    rows=_rows,
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    newline=st.sampled_from(["\n", "\r\n"]),
    chunk=st.integers(1, 200),
)
def test_rows_written_by_python_come_back_equal(
    rows: list[tuple[str, int | None, str]], quoting: Any, newline: str, chunk: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator=newline)
    writer.writerows(["1", "b", quote(key), "" if size is None else size, tag] for key, size, tag in rows)

    assert read_text(text.getvalue(), chunk=chunk) == records(*((key, size, tag or None) for key, size, tag in rows))


@given(rows=_rows, cut=st.lists(st.integers(0, 10**6), max_size=4))
def test_unquoted_rows_in_several_members_come_back_equal(
    rows: list[tuple[str, int | None, str]], cut: list[int]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(["1", "b", quote(key), size, quote(tag)] for key, size, tag in rows)
    whole = text.getvalue().encode()
    places = [0, *sorted(place % (len(whole) + 1) for place in cut), len(whole)]
    body = b"".join(gzip.compress(whole[a:b]) for a, b in itertools.pairwise(places))

    assert read_body(body) == records(*((key, size, quote(tag) or None) for key, size, tag in rows))


@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_rows_or_a_corrupt_report(data: bytes, compressed: bool) -> None:
    body = gzip.compress(data) if compressed else data
    with contextlib.suppress(COSInventoryCorruptReportError):
        read_body(body)


_EVERY = (
    b'1250000000,b,%E6%B8%85%2Fa,v1,True,False,1024,2022-11-20T02:53:38Z,Standard,"""e""",false,,age=18,7,x\r\n'
    b"1250000000,b,c,,,,,,,,,,,,\n"
) * 3


@given(damaged(_EVERY))
def test_a_damaged_row_of_any_column_is_rows_or_a_corrupt_report(text: bytes) -> None:
    columns = (*BASE_FIELDS, *VERSION_FIELDS, *STANDARD_FIELDS, "x-cos-meta-a")
    with contextlib.suppress(COSInventoryCorruptReportError):
        for record in read_text(text, columns=columns):
            record.tags()


@given(damaged(gzip.compress(_EVERY, mtime=0)))
def test_a_damaged_file_is_the_whole_of_it_or_a_corrupt_report(body: bytes) -> None:
    columns = (*BASE_FIELDS, *VERSION_FIELDS, *STANDARD_FIELDS, "x-cos-meta-a")
    whole = describe(gzip.compress(_EVERY, mtime=0))
    with contextlib.suppress(COSInventoryCorruptReportError):
        assert len(read_body(body, columns=columns, file=whole)) == 6
