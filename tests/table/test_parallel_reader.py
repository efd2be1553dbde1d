# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way of the data files to DuckDB: nothing hangs, nothing is left, the right error is raised."""

from __future__ import annotations

import dataclasses
import gzip
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryPermissionError,
)
from airflow_provider_cosinv.inventory import DataFile
from airflow_provider_cosinv.table.csv import arrow_reader
from airflow_provider_cosinv.table.csv import parallel_reader as feed_module
from airflow_provider_cosinv.table.csv.parallel_reader import ParallelReader
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.csv.work_sharing import WorkSharing
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.table.tables import BUCKET, chunked, opened, opening, report_of, some_rows, table_of

COUNT = "SELECT count(*) AS n FROM inventory"
ROWS = 2000
BODIES = [some_rows(ROWS, prefix=name) for name in "abcd"]
# More than is read ahead.
MANY_ROWS = 1_500_000
LARGE = some_rows(MANY_ROWS)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        # One that a test kept waiting ends some moments after it is released.
        thread.join(30)
        assert not thread.is_alive()


def assert_nothing_is_kept(table: ReportTable) -> None:
    # DuckDB writes a file under another name first: before 2.0 as <UUID>-inventory.parquet.
    names = {path.name.rpartition("-")[2] for path in table.engine.folder.iterdir()}
    assert names <= {"inventory.parquet", "spill"}


def spoiled(place: int, spoil: Callable[[DataFile], DataFile], bodies: list[bytes] = BODIES) -> Any:
    """A report of which one file is not what the manifest says."""
    report = report_of(bodies, rows=None)
    files = list(report.files)
    files[place] = spoil(files[place])
    return dataclasses.replace(report, files=tuple(files))


WRONG = {
    "MD5": lambda file: dataclasses.replace(file, md5="0" * 32),
    "fewer bytes": lambda file: dataclasses.replace(file, size=file.size + 1),
    "more bytes": lambda file: dataclasses.replace(file, size=file.size - 1),
}


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_named(place: int, spoil: Callable[[DataFile], DataFile]) -> None:
    report = spoiled(place, spoil)
    with open_engine(EngineSettings(threads=2)) as engine:
        table = ReportTable(engine=engine, report=report, open_file=opening(BODIES))
        for sql in (COUNT, "SELECT a.Key FROM inventory AS a JOIN inventory AS b USING (Key)"):
            with pytest.raises(COSInventoryCorruptReportError) as raised:
                table.fetch(sql, max_rows=10)
            assert (raised.value.bucket, raised.value.key) == (BUCKET, report.files[place].key)
            assert_nothing_is_kept(table)


def test_a_wrong_large_file_is_found_behind_its_last_row() -> None:
    report = spoiled(0, WRONG["MD5"], [LARGE])
    with open_engine(EngineSettings(threads=2)) as engine:
        table = ReportTable(engine=engine, report=report, open_file=opening([LARGE]))
        for sql in (COUNT, "SELECT Key FROM inventory LIMIT 1"):
            with pytest.raises(COSInventoryCorruptReportError, match="MD5"):
                table.fetch(sql, max_rows=10)
            assert_nothing_is_kept(table)


def test_a_limit_reads_what_it_began_to_the_end_and_leaves_the_rest() -> None:
    passed: dict[str, int] = {}

    def counted(file: DataFile) -> Iterator[bytes]:
        for chunk in opening(bodies)(file):
            passed[file.key] = passed.get(file.key, 0) + len(chunk)
            yield chunk

    # The last of many files is wrong, and is never opened.
    bodies = [LARGE] * 6
    report = spoiled(5, WRONG["MD5"], bodies)
    with open_engine(EngineSettings(threads=1)) as engine:
        table = ReportTable(engine=engine, report=report, open_file=counted)
        assert len(table.fetch("SELECT Key FROM inventory LIMIT 2", max_rows=10).rows) == 2

    assert set(passed.values()) == {len(LARGE)}
    assert 1 <= len(passed) < 6


def test_two_hundred_small_files_are_read_by_two_threads() -> None:
    bodies = [some_rows(3, prefix=str(number)) for number in range(200)]
    with opened(bodies, rows=600) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 600}]
        assert table.fetch("SELECT count(DISTINCT Key) AS n FROM inventory", max_rows=1).rows == [{"n": 600}]
        assert_nothing_is_kept(table)


@pytest.mark.parametrize("place", [0, 3])
def test_an_error_of_cos_in_the_middle_of_a_file_is_raised_as_it_is(place: int) -> None:
    refused = COSInventoryPermissionError("no", bucket=BUCKET)

    def broken(file: DataFile) -> Iterator[bytes]:
        body = b"".join(opening(BODIES)(file))
        if file.key == f"reports/{place}.csv.gz":
            yield body[:100]
            raise refused
        yield body

    with opened(BODIES, rows=4 * ROWS, open_file=broken) as table:
        with pytest.raises(COSInventoryPermissionError) as raised:
            table.fetch(COUNT, max_rows=1)
        assert raised.value is refused
        assert_nothing_is_kept(table)
        # The engine takes the next statement.
        assert table.fetch("SELECT 5 AS n", max_rows=1).rows == [{"n": 5}]


def test_a_file_that_cannot_be_opened_is_raised_as_it_is() -> None:
    def closed(file: DataFile) -> Iterator[bytes]:
        raise COSInventoryPermissionError(file.key)

    with opened(BODIES, open_file=closed) as table, pytest.raises(COSInventoryPermissionError, match=r"reports/\d.csv"):
        table.fetch(COUNT, max_rows=1)


@pytest.mark.parametrize(
    "sql", ["SELECT 'x'::INT FROM inventory", "SELECT error('cos-inventory-not-sure') FROM inventory"]
)
def test_an_error_of_the_statement_is_not_the_reports(sql: str) -> None:
    with opened(BODIES, rows=4 * ROWS) as table:
        with pytest.raises(COSInventoryConfigurationError, match="SQL") as raised:
            table.fetch(sql, max_rows=10)
        assert raised.value.parameter == "sql"
        assert_nothing_is_kept(table)
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 4 * ROWS}]


def test_an_error_of_the_statement_reads_the_report_once() -> None:
    opened_files = []

    def counted(file: DataFile) -> Iterator[bytes]:
        opened_files.append(file.key)
        return chunked(BODIES[0])

    with opened(BODIES[:1], rows=None, open_file=counted) as table:
        with pytest.raises(COSInventoryConfigurationError):
            table.fetch("SELECT Key::INT FROM inventory", max_rows=10)
        assert opened_files == ["reports/0.csv.gz"]
        # One that is usual is not read by the record reader afterwards, either.
        table.fetch("FROM inventory WHERE Size > 100", max_rows=10)
        assert len(opened_files) == 2


class Stopped(Exception):  # noqa: N818  what a time-out raises is no error of ours
    """As Airflow's time-out, or a stop of the task, raises it in the main thread."""


@pytest.fixture
def stop() -> Iterator[Callable[[], None]]:
    """Sends the main thread a signal whose handler raises."""

    def handler(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, handler)
    yield lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.timeout(60)
def test_a_signal_ends_a_statement_that_waits_for_a_file(
    stop: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "_LAST_PATIENCE", 0)
    released = threading.Event()

    def stuck(file: DataFile) -> Iterator[bytes]:
        yield b"\x1f\x8b"
        if file.key == "reports/0.csv.gz":
            stop()
        while not released.wait(0.05) and threading.main_thread().is_alive():
            yield b""

    with opened(BODIES, open_file=stuck) as table:
        with pytest.raises(Stopped):
            table.fetch(COUNT, max_rows=1)
        released.set()
        assert_nothing_is_kept(table)
        assert table.fetch("SELECT 5 AS n", max_rows=1).rows == [{"n": 5}]


@pytest.mark.timeout(60)
def test_a_signal_ends_a_statement_that_computes(stop: Callable[[], None]) -> None:
    def signalling(file: DataFile) -> Iterator[bytes]:
        yield from opening(BODIES)(file)
        stop()

    for_ever = (
        "SELECT count(*) FROM inventory AS a, range(10_000_000) AS b(x), range(10_000_000) AS c(x) WHERE b.x <> c.x"
    )
    with opened(BODIES[:1], open_file=signalling) as table, pytest.raises(Stopped):
        table.fetch(for_ever, max_rows=1)


@pytest.mark.timeout(60)
def test_a_second_signal_leaves_no_statement_behind(stop: Callable[[], None]) -> None:
    for_ever = "SELECT count(*) FROM range(10_000_000) AS b(x), range(10_000_000) AS c(x) WHERE b.x <> c.x"
    times: list[int] = []

    def stop_once() -> None:
        times.append(len(times))
        if len(times) == 1:
            stop()

    def stop_later() -> None:
        # Mostly the statement runs by then; it must end, or not begin, whenever the signal comes.
        time.sleep(0.1)
        stop()

    with open_engine(EngineSettings(threads=2)) as engine:
        stopping = threading.Thread(target=stop_later)
        try:
            stopping.start()
            engine.run(for_ever, on_abort=stop_once)
        except Stopped:
            stopping.join()
        assert engine.run("SELECT 5") == [(5,)]


@pytest.mark.timeout(60)
def test_a_wrong_file_ends_a_statement_that_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_LAST_PATIENCE", 0)
    released = threading.Event()

    def one_is_stuck(file: DataFile) -> Iterator[bytes]:
        if file.key == "reports/0.csv.gz":
            yield b"\x1f\x8b"
            released.wait()
        yield b"no gzip"

    with opened(BODIES[:2], open_file=one_is_stuck) as table, pytest.raises(COSInventoryCorruptReportError):
        table.fetch(COUNT, max_rows=1)
    released.set()


@pytest.mark.timeout(60)
def test_a_wrong_file_ends_a_statement_that_has_read_all_the_others() -> None:
    large = threading.Event()

    def one_is_late(file: DataFile) -> Iterator[bytes]:
        if file.key == "reports/1.csv.gz":
            yield b"\x1f\x8b"
            large.wait(5)
            raise COSInventoryPermissionError("late")
        yield from opening(BODIES)(file)
        large.set()

    for_ever = "SELECT sum(b.x % 7 + c.x) FROM inventory, range(10_000_000) AS b(x), range(10_000_000) AS c(x)"
    with opened(BODIES[:2], open_file=one_is_late) as table, pytest.raises(COSInventoryPermissionError):
        table.fetch(for_ever, max_rows=1)


def test_no_more_threads_is_an_error_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("cos-inventory-feed"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with opened(BODIES) as table, pytest.raises(RuntimeError, match="new thread"):
        table.fetch(COUNT, max_rows=1)


@pytest.mark.parametrize("block_bytes", [1, 100, 4096])
def test_rows_that_lie_over_the_border_of_a_block_are_read_whole(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(arrow_reader, "_BLOCK_BYTES", block_bytes)
    notes = ['x\n"y"\n', "x" * 50, "x,\r\n\n", "", "x" + "\n" * 30, 'x""",\n']
    rows = 6_000
    text = "".join(
        f'"1","b","k/{n}","{n}","{notes[n % 7 % 6].replace(chr(34), chr(34) * 2)}"\n' for n in range(rows)
    ).encode()
    columns = ("Appid", "Bucket", "Key", "Size", "x-cos-meta-a")
    length = sum(len(notes[n % 7 % 6]) for n in range(rows))
    sql = 'SELECT count(*) n, sum(Size) s, count(DISTINCT Key) k, sum(length("x-cos-meta-a")) l FROM inventory'
    with open_engine(EngineSettings(threads=4)) as engine:
        table = table_of(engine, [gzip.compress(text, 1)], columns=columns, rows=rows)
        found = table.fetch(sql, max_rows=1).rows

    assert found == [{"n": rows, "s": rows * (rows - 1) // 2, "k": rows, "l": length}]


def test_the_rows_of_a_file_stay_in_their_order_and_what_is_read_ahead_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "_AHEAD_BYTES", 1)
    monkeypatch.setattr(arrow_reader, "_BLOCK_BYTES", 1024)
    # Which DuckDB promises for a single thread.
    with open_engine(EngineSettings(threads=1)) as engine:
        table = table_of(engine, BODIES, rows=4 * ROWS)
        found = table.fetch("SELECT Key FROM inventory", max_rows=4 * ROWS).rows

    keys = [row["Key"].split("/") for row in found]
    for name in "abcd":
        assert [int(number) for file, number in keys if file == name] == list(range(ROWS))


def test_a_file_whose_reader_is_ahead_waits_until_its_rows_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [pa.record_batch({"c0": pa.array([number])}) for number in range(1000)]
    read: list[int] = []

    def reading(chunks: Iterator[bytes], file: DataFile, helpers: WorkSharing) -> Iterator[pa.RecordBatch]:
        for _ in chunks:
            pass
        for batch in batches:
            read.append(1)
            yield batch

    monkeypatch.setattr(feed_module, "_AHEAD_BYTES", 10 * batches[0].nbytes)
    files = report_of(BODIES[:1]).files
    with ParallelReader(files=files, bucket=BUCKET, open_file=opening(BODIES), read=reading, threads=1) as feed:
        rows = feed.batches()
        next(rows)
        time.sleep(0.2)
        assert len(read) <= 13
        assert len(list(rows)) == 999
        feed.finish()
        assert feed.rows == 1000
