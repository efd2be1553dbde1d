# SPDX-License-Identifier: Apache-2.0
"""Threads that have nothing to do help the others: rows, their order and the first fault stay what they are."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import DataFile
from airflow_provider_cosinv.table.columns import table_columns
from airflow_provider_cosinv.table.csv import arrow_reader
from airflow_provider_cosinv.table.csv.arrow_reader import ArrowReader
from airflow_provider_cosinv.table.csv.parallel_reader import ParallelReader
from airflow_provider_cosinv.table.csv.work_sharing import WorkSharing
from tests.table.tables import BUCKET, COLUMNS, opening, report_of

ROWS = 30_000
SECONDS = 30


@pytest.fixture
def helpers() -> Iterator[WorkSharing]:
    helpers = WorkSharing()
    yield helpers
    helpers.close()


def idle(helpers: WorkSharing) -> threading.Thread:
    thread = threading.Thread(target=helpers.help, daemon=True)
    thread.start()
    return thread


def handed(helpers: WorkSharing, work: Any, given: Any) -> Future[Any]:
    """Hand over as soon as somebody is there."""
    deadline = time.monotonic() + SECONDS
    while (future := helpers.hand(work, given)) is None:
        assert time.monotonic() < deadline
    return future


def test_nobody_is_there(helpers: WorkSharing) -> None:
    assert helpers.hand(abs, -1) is None


def test_what_is_handed_over_is_done(helpers: WorkSharing) -> None:
    idle(helpers)

    assert handed(helpers, abs, -1).result(SECONDS) == 1
    with pytest.raises(ValueError, match="invalid literal"):
        handed(helpers, int, "x").result(SECONDS)
    assert handed(helpers, abs, -2).result(SECONDS) == 2


def test_one_helper_takes_one_task_at_a_time(helpers: WorkSharing) -> None:
    may_go_on = threading.Event()
    idle(helpers)
    first = handed(helpers, may_go_on.wait, SECONDS)

    assert helpers.hand(abs, -1) is None

    may_go_on.set()
    assert first.result(SECONDS)


def test_the_end_leaves_nothing_undone(helpers: WorkSharing) -> None:
    may_go_on = threading.Event()
    threads = [idle(helpers), idle(helpers)]
    futures = [handed(helpers, may_go_on.wait, SECONDS), handed(helpers, may_go_on.wait, SECONDS)]
    helpers.close()

    assert helpers.hand(abs, -1) is None

    may_go_on.set()
    assert all(future.result(SECONDS) for future in futures)
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def feed_of(body: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[ParallelReader, set[str]]:
    """One file for three threads, in small blocks, and who reads them."""
    monkeypatch.setattr(arrow_reader, "_BLOCK_BYTES", 4096)
    who = set()
    columns = table_columns(COLUMNS)
    reader = ArrowReader(columns=columns, wanted=columns, bucket=BUCKET)
    quickly = reader.quickly

    def watched(data: bytes) -> Any:
        who.add(threading.current_thread().name)
        return quickly(data)

    monkeypatch.setattr(reader, "quickly", watched)
    begun = threading.Event()

    def open_file(file: DataFile) -> Iterator[bytes]:
        begun.wait(SECONDS)
        yield from opening([body])(file)

    feed = ParallelReader(
        files=report_of([body]).files, bucket=BUCKET, open_file=open_file, read=reader.batches, threads=3
    )
    threading.Thread(target=begin_when_idle, args=(feed, begun)).start()
    return feed, who


def begin_when_idle(feed: ParallelReader, begun: threading.Event) -> None:
    deadline = time.monotonic() + SECONDS
    while feed._helpers._idle < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    begun.set()


def rows_of(lines: range) -> str:
    return "".join(f"1,b,k/{n},{n}\n" for n in lines)


@pytest.mark.parametrize("odd", [[], [7], [3, 20_000], range(0, ROWS, 100)])
def test_a_single_file_is_read_by_all_threads_in_order(odd: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    # An odd row is two lines, which the record reader reads; it may take lines of the next blocks along.
    text = "".join(f'1,b,"k\n/{n}",{n}\n' if n in odd else rows_of(range(n, n + 1)) for n in range(ROWS))
    feed, who = feed_of(gzip.compress(text.encode(), 1), monkeypatch)

    with feed:
        sizes = [size for batch in feed.batches() for size in batch.column("c3").to_pylist()]
        feed.finish()

    assert sizes == list(range(ROWS))
    assert feed.rows == ROWS
    if not odd:
        assert len(who) > 1


@pytest.mark.parametrize("helping", [1, 3])
def test_no_more_is_read_ahead_than_helpers_have_in_hand(
    helping: int, helpers: WorkSharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The network is slower than they are: each time somebody is there to take the next block.
    monkeypatch.setattr(arrow_reader, "_BLOCK_BYTES", 64)
    for _ in range(helping):
        idle(helpers)
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        for n in range(0, 2000, 10):
            deadline = time.monotonic() + SECONDS
            while helpers._idle <= len(helpers._tasks) and time.monotonic() < deadline:
                time.sleep(0.0001)
            taken += 1
            yield packing.compress(rows_of(range(n, n + 10)).encode()) + packing.flush(zlib.Z_SYNC_FLUSH)
        yield packing.flush()

    columns = table_columns(COLUMNS)
    reader = ArrowReader(columns=columns, wanted=columns, bucket=BUCKET)
    file = report_of([b""]).files[0]

    given = 0
    for batch in reader.batches(chunks(), file, helpers):
        assert taken - given / 10 < 10
        given += batch.num_rows
    assert given == 2000


@pytest.mark.parametrize("line", [1, 12_000, 29_990])
def test_the_first_fault_is_told_with_its_line(line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = rows_of(range(line - 1)) + "1,b,k\n" + rows_of(range(line, ROWS))
    whole = gzip.compress(text.encode(), 1)
    # What is behind the wrong row cannot even be inflated.
    feed, _ = feed_of(whole[:-20] + b"\xff" * 20, monkeypatch)

    with feed, pytest.raises(COSInventoryCorruptReportError) as raised:
        list(feed.batches())

    assert raised.value.line == line
