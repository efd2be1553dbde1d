# SPDX-License-Identifier: Apache-2.0
"""Rows are read some hundred at a time: nobody but a clock may notice."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryTransientError
from airflow_provider_cosinv.inventory import DataFile, InventoryRecord
from airflow_provider_cosinv.inventory.rows.record_reader import read_record_batches, read_records
from airflow_provider_cosinv.inventory.rows.records import RowReader
from tests.inventory.strategies import damaged

BUCKET = "inventorybucket-1250000000"
COLUMNS = ("Appid", "Key", "Size", "Tag")
MEBIBYTE = 1024 * 1024


def describe(body: bytes) -> DataFile:
    return DataFile(key="a.csv.gz", size=len(body), md5=hashlib.md5(body).hexdigest())


def reading(text: bytes, chunk: int = 65536) -> Iterator[InventoryRecord]:
    body = gzip.compress(text, 1)
    chunks = (body[start : start + chunk] for start in range(0, len(body), chunk))
    return read_records(chunks, file=describe(body), bucket=BUCKET, columns=COLUMNS)


def until_error(rows: Iterator[InventoryRecord]) -> tuple[list[InventoryRecord], COSInventoryCorruptReportError]:
    seen: list[InventoryRecord] = []
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        seen.extend(rows)
    return seen, raised.value


QUOTED = '"1","key-{0}","{0}","a=1"\n'
PLAIN = "1,key-{0},{0},a=1\n"
SPACED = '"1", "key-{0}", "{0}", "a=1"\n'
TWO_LINES = '"1","key-{0}","{0}","a=1\nb"\n'
SPACED_TWO_LINES = '"1", "key-{0}", "{0}", "a=1\nb"\n'
FORMS = {
    "quoted": QUOTED,
    "plain": PLAIN,
    "spaced": SPACED,
    "two lines": TWO_LINES,
    "spaced, two lines": SPACED_TWO_LINES,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("good", [0, 1, 9000])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'"1","a","two",""\n', "is not a number"),
        (b'"1","a"\n', "it has 2 fields"),
        (b'"1","a\xff","1",""\n', "not UTF-8"),
        (b'"1","a"x,"1",""\n', "expected after"),
    ],
    ids=["a value", "a field", "a byte", "a quote"],
)
def test_all_rows_before_a_wrong_one_come_first_and_its_line_is_told(form, good, bad, reason):
    text = "".join(form.format(number) for number in range(good)).encode()

    seen, error = until_error(reading(text + bad + form.format(7).encode()))

    assert len(seen) == good
    assert all(record.size == number for number, record in enumerate(seen))
    assert (error.line, reason in error.message) == (text.count(b"\n") + 1, True)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_before_a_cut_of_the_download_come_first(form):
    body = gzip.compress("".join(form.format(number) for number in range(20_000)).encode(), 1)

    def cut() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise COSInventoryTransientError("reset")

    seen: list[InventoryRecord] = []
    with pytest.raises(COSInventoryTransientError):
        seen.extend(read_records(cut(), file=describe(body), bucket=BUCKET, columns=COLUMNS))
    assert [record.size for record in seen] == list(range(len(seen)))
    assert len(seen) > 4000


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_before_a_cut_within_a_row_come_first(form):
    text = "".join(form.format(number) for number in range(100)) + '"1", "key", "1", "a=1\n'
    body = gzip.compress(text.encode())

    def cut() -> Iterator[bytes]:
        yield body
        raise COSInventoryTransientError("reset")

    seen: list[InventoryRecord] = []
    with pytest.raises(COSInventoryTransientError):
        seen.extend(read_records(cut(), file=describe(body), bucket=BUCKET, columns=COLUMNS))
    assert [record.size for record in seen] == list(range(100))


def test_forms_may_change_from_row_to_row():
    forms = [QUOTED, PLAIN, SPACED, TWO_LINES, "\n", '1,"key-{0}",{0},"say ""x"""\n']
    text = "".join(forms[number // 700 % len(forms)].format(number) for number in range(30_000))
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True) if row]

    assert list(reading(text.encode())) == list(map(RowReader(COLUMNS).read, rows))


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 65536])
@pytest.mark.parametrize("text", ['\ufeff"1","a","1","x"\n', "\ufeff1,a,1,x", "1,a,1,\ufeffx\n", "\ufeff", ""])
def test_a_byte_order_mark_is_skipped_at_the_start_alone(text, chunk):
    body = b"".join(
        gzip.compress(text.encode()[start : start + chunk]) for start in range(0, len(text.encode()), chunk)
    )
    rows = list(read_records([body], file=describe(body), bucket=BUCKET, columns=COLUMNS))

    assert [(row.appid, row.tag) for row in rows] == (
        [("1", "\ufeffx" if "1,\ufeff" in text else "x")] if "a" in text else []
    )


def test_a_second_byte_order_mark_is_text():
    assert [row.appid for row in reading("\ufeff\ufeff1,a,1,x\n".encode())] == ["\ufeff1"]


def test_a_batch_tells_its_size():
    body = gzip.compress("".join(QUOTED.format(n) for n in range(10_000)).encode() + b"\n" * 3)
    batches = read_record_batches([body], file=describe(body), bucket=BUCKET, columns=COLUMNS)

    sizes = [(batch.size, len(list(batch.records))) for batch in batches]

    assert sum(size for size, _ in sizes) == 10_000
    assert all(size == told for size, told in sizes)
    assert len(sizes) > 5


@pytest.mark.integration
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_memory_does_not_grow_with_the_file(form):
    body = gzip.compress("".join(form.format(number) for number in range(25_000)).encode(), 1)
    tracemalloc.start()
    try:
        rows = read_records([body], file=describe(body), bucket=BUCKET, columns=COLUMNS)
        assert sum(1 for _ in rows) == 25_000
        assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    finally:
        tracemalloc.stop()


@pytest.mark.integration
def test_memory_does_not_grow_where_rows_always_go_on_in_the_next_block():
    body = gzip.compress(('"1", "key", "1", "' + ("x" * 200 + "\n") * 20 + '"\n').encode() * 4000, 1)
    tracemalloc.start()
    try:
        rows = read_records([body], file=describe(body), bucket=BUCKET, columns=COLUMNS)
        assert sum(1 for _ in rows) == 4000
        assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_empty_lines_between_rows_are_skipped():
    some = [b"\n" * 600_000, QUOTED.format(1).encode() * 100] * 4
    body = b"".join(map(gzip.compress, some))

    assert sum(1 for _ in read_records([body], file=describe(body), bucket=BUCKET, columns=COLUMNS)) == 400


def test_empty_lines_alone_do_not_go_on_for_ever():
    _, error = until_error(reading(b"\n" * (3 * MEBIBYTE)))

    assert ("characters long" in error.message, error.line) == (True, MEBIBYTE + 1)


def test_a_reader_that_stops_ends_the_download():
    body = gzip.compress("".join(QUOTED.format(number) for number in range(50_000)).encode(), 1)
    ended = []

    def chunks() -> Iterator[bytes]:
        try:
            for start in range(0, len(body), 1000):
                yield body[start : start + 1000]
        finally:
            ended.append(True)

    rows = read_records(chunks(), file=describe(body), bucket=BUCKET, columns=COLUMNS)
    assert isinstance(next(rows), InventoryRecord)
    assert not ended
    rows.close()

    assert ended


@given(damaged(b'"1","a%2Fb","1","x"\n"1","b","","y ""z"""\n"1","c","3",""\n' * 2))
def test_damaged_rows_are_those_of_the_csv_module_or_a_corrupt_report(text):
    seen: list[InventoryRecord] = []
    error = None
    try:
        seen.extend(reading(text))
    except COSInventoryCorruptReportError as raised:
        error = raised
    expected, line = _one_by_one(text)

    assert seen == expected
    assert (error.line if error else None) == line


def _one_by_one(text: bytes) -> tuple[list[InventoryRecord], int | None]:
    """The plainest reader: its records, and the line where it gave up."""
    reader = RowReader(COLUMNS)
    records: list[InventoryRecord] = []
    try:
        decoded = text.decode()
        broken = None
    except UnicodeDecodeError as error:
        broken = text.count(b"\n", 0, error.start) + 1
        decoded = text[: text.rfind(b"\n", 0, error.start) + 1].decode()
    lines = io.StringIO(decoded.removeprefix("\ufeff"), newline="\n")
    rows = csv.reader(lines, strict=True, skipinitialspace=True)
    try:
        records.extend(reader.read(row) for row in rows if row)
    except (ValueError, csv.Error):
        ended = broken is not None and not next(lines, "")
        return records, broken if ended and _in_quotes(decoded) else rows.line_num
    return records, broken


def _in_quotes(text: str) -> bool:
    return text.count('"') % 2 == 1
