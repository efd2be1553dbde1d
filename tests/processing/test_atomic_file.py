# SPDX-License-Identifier: Apache-2.0
"""What a killed task left beside a local destination is removed by the next that writes the same file; no more is."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_cosinv.processing.destination import ResultLocation, check_writable, publish

PUBLISHES = """
import sys
from pathlib import Path
from airflow_provider_cosinv.processing.destination import ResultLocation, publish
publish(Path(sys.argv[1]), ResultLocation(None, sys.argv[2]), None)
"""
# It dies when it has made the file and not removed it yet.
CHECKS = """
import fcntl, os, signal, sys
from airflow_provider_cosinv.processing.destination import ResultLocation, check_writable
fcntl.flock = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
check_writable(ResultLocation(None, sys.argv[2]), None)
"""
BYTES = 3 * 1024 * 1024


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "result"
    path.write_bytes(b"new")
    return path


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "result.parquet"


@contextmanager
def publishing(target):
    """A process half way through a publish: the result that it copies comes through a pipe, which stays open."""
    pipe = target.parent.parent / "pipe"
    os.mkfifo(pipe)
    with start(PUBLISHES, pipe, target) as process:
        try:
            with pipe.open("wb") as source:
                source.write(b"x" * BYTES)
                source.flush()
                until(lambda: [file for file in hidden(target) if file.stat().st_size >= BYTES // 2])
                yield process
        finally:
            process.kill()


def start(program, result, target):
    command = [sys.executable, "-c", program, str(result), str(target)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hidden(target):
    return [path for path in target.parent.iterdir() if path.name.startswith(".")]


def age(path):
    """Let a file be some minutes old."""
    os.utime(path, (time.time() - 300,) * 2)


def put(result, target):
    publish(result, ResultLocation(None, str(target)), None)


@pytest.fixture
def left(target):
    """What is left of a publish that was killed some minutes ago."""
    with publishing(target) as process:
        process.kill()
        process.wait()
    (path,) = hidden(target)
    assert path.stat().st_size >= BYTES // 2
    age(path)
    return path


def test_what_a_killed_publish_left_is_removed_by_the_next_and_told_in_one_line(left, result, target, caplog):
    assert not target.exists()
    assert list(target.parent.glob("*.parquet")) == []
    with caplog.at_level(logging.INFO):
        put(result, target)
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == b"new"
    assert [record.getMessage() for record in caplog.records] == [
        f"Removed the file {left}, which a task that was killed had left"
    ]


def test_a_check_removes_it_too_so_that_there_is_room(left, target):
    check_writable(ResultLocation(None, str(target)), None)
    assert list(target.parent.iterdir()) == []


def test_what_a_killed_check_left_is_removed_likewise(result, target):
    with start(CHECKS, result, target) as process:
        assert process.wait(30) < 0
    (left,) = hidden(target)
    age(left)
    put(result, target)
    assert list(target.parent.iterdir()) == [target]


def test_one_that_a_live_process_writes_is_left_alone_and_takes_its_place_in_the_end(result, target):
    with publishing(target) as process:
        (held,) = hidden(target)
        age(held)
        put(result, target)
        assert held.exists()
        assert target.read_bytes() == b"new"
        # The pipe is closed behind this: the other one comes to its end.
        process.kill = lambda: process.wait(30)
    assert process.returncode == 0
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_size == BYTES


def test_one_of_another_target_is_left_alone(left, result, target):
    put(result, target.with_name("result.csv"))
    assert left.exists()


def test_one_of_another_host_is_left_alone(left, result, target, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "another-host")
    put(result, target)
    assert left.exists()


def test_one_of_another_user_is_left_alone(left, result, target, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    put(result, target)
    assert left.exists()


def test_one_that_may_be_about_to_be_locked_is_left_alone(left, result, target):
    os.utime(left)
    put(result, target)
    assert left.exists()


def test_a_link_of_that_name_is_not_followed(left, result, target, tmp_path):
    data = tmp_path / "data"
    left.rename(data)
    left.symlink_to(data)
    os.utime(left, (time.time() - 300,) * 2, follow_symlinks=False)
    put(result, target)
    assert (left.is_symlink(), data.exists()) == (True, True)


def test_where_nothing_can_be_locked_nothing_is_removed_and_nothing_fails(left, result, target, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    put(result, target)
    assert target.read_bytes() == b"new"
    assert hidden(target) == [left]


def test_a_folder_that_cannot_be_listed_can_be_written_to(left, result, target, monkeypatch):
    def refuse(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", refuse)
        put(result, target)
    assert target.read_bytes() == b"new"
    assert hidden(target) == [left]
