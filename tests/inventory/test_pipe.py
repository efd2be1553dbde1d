# SPDX-License-Identifier: Apache-2.0
"""A pipe to DuckDB is written ahead of its reader, but not far."""

from __future__ import annotations

import os
from threading import Thread

import pytest

from airflow_provider_cosinv.inventory import pipe as module
from airflow_provider_cosinv.inventory.pipe import open_if_read

BLOCK = bytes(range(256)) * 1024  # 256 KiB


@pytest.fixture
def path(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def reader(path):
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(opened, True)
    yield opened
    os.close(opened)


@pytest.fixture
def pipe(path, reader):
    opened = open_if_read(path)
    assert opened
    yield opened
    opened.close()


def everything(reader) -> bytes:
    return b"".join(iter(lambda: os.read(reader, 1 << 20), b""))


def test_a_pipe_that_nobody_reads_is_not_open(path):
    assert open_if_read(path) is None


def test_a_writer_is_ahead_of_its_reader_by_what_it_may_keep(pipe, reader, monkeypatch):
    monkeypatch.setattr(module, "_AHEAD_BYTES", 8 * len(BLOCK))
    # Nobody reads: what the pipe does not take is kept.
    for _ in range(8):
        pipe.write(BLOCK)

    def write_the_rest() -> None:
        for _ in range(100):
            pipe.write(BLOCK)
        pipe.finish()
        pipe.close()

    writer = Thread(target=write_the_rest)
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    assert everything(reader) == BLOCK * 108
    writer.join()


def test_what_was_kept_is_there_once_the_pipe_is_finished(pipe, reader):
    blocks = [BLOCK[number:] for number in range(40)]
    found: list[bytes] = []
    consumer = Thread(target=lambda: found.append(everything(reader)))
    for block in blocks:
        pipe.write(block)
    consumer.start()
    pipe.finish()
    pipe.close()
    consumer.join()

    assert found == [b"".join(blocks)]


def test_a_reader_that_goes_away_ends_the_writing(path, monkeypatch):
    monkeypatch.setattr(module, "_AHEAD_BYTES", 0)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    pipe = open_if_read(path)
    assert pipe
    os.close(reader)

    with pytest.raises(BrokenPipeError):
        pipe.write(BLOCK)


def test_a_pipe_that_another_thread_closes_ends_the_writing(pipe, monkeypatch):
    monkeypatch.setattr(module, "_AHEAD_BYTES", 0)
    raised: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(100):
                pipe.write(BLOCK)
        except BrokenPipeError as error:
            raised.append(error)

    writer = Thread(target=write)
    writer.start()
    pipe.close()
    pipe.close()
    writer.join()

    assert raised
