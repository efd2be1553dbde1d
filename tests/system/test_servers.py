# SPDX-License-Identifier: Apache-2.0
"""The servers that these tests start, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.airflow import reaper
from tests.airflow.wait import wait_until
from tests.system import programs
from tests.system.chromedriver import ChromeDriver
from tests.system.postgres import OWNER, PostgresServer
from tests.system.programs import MissingProgramError, find_program, postgresql_folder
from tests.system.redis import RedisServer
from tests.system.server import run

ROOT = Path(__file__).parents[2]
LOOPBACK = ("127.0.0.1", "::1")
# Whoever runs these tests may ignore Ctrl-C (a shell's background job), which the process inherits.
STARTER = """
import signal, sys, time
from pathlib import Path
from {module} import {name}
signal.signal(signal.SIGINT, signal.default_int_handler)
with {name}(folder=Path(sys.argv[1])) as server:
    print(server.processes.token, flush=True)
    time.sleep(600)
"""

each_server = pytest.mark.parametrize("server", [RedisServer, PostgresServer, ChromeDriver])


@pytest.fixture
def temporary():
    """Where a starter puts what it shall take away; PostgreSQL's user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def starter(tmp_path, temporary, server):
    """A process that has started a server, and the server's token."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(module=server.__module__, name=server.__name__), tmp_path],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def family_of(token):
    """The processes with this mark, and their descendants: PostgreSQL's overwrite theirs."""
    marked = reaper.members(token)
    family = {one for member in marked for one in (member, *member.children(recursive=True))}
    assert family
    return family


@each_server
def test_nothing_is_left_when_the_starter_is_interrupted(starter, temporary):
    process, token = starter
    family = family_of(token)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert not any(map(reaper.lives, family))
    assert not list(temporary.iterdir())


@each_server
def test_nothing_runs_on_when_the_starter_is_killed(starter):
    process, token = starter
    family = family_of(token)
    process.kill()
    wait_until(lambda: not any(map(reaper.lives, family)), what="every process is gone", timeout=30)


@each_server
def test_a_server_listens_on_loopback_alone(tmp_path, server):
    with server(folder=tmp_path) as running:
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for process in running.processes.members()
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert {("127.0.0.1", running.port)} <= listening <= {(ip, running.port) for ip in LOOPBACK}


def test_redis_lets_nobody_in_without_the_password(redis):
    said = run([find_program("redis-cli"), "-h", "127.0.0.1", "-p", str(redis.port), "ping"])
    assert b"NOAUTH" in said.stdout


def test_postgresql_lets_nobody_in_without_the_password(postgres):
    address = f"host=127.0.0.1 port={postgres.port} user={OWNER} dbname=postgres"
    said = run([postgresql_folder() / "psql", "--no-password", address, "-c", "SELECT 1"])
    assert b"no password supplied" in said.stderr


@each_server
def test_a_server_that_is_not_installed_is_an_error_with_the_line_to_type(tmp_path, monkeypatch, server):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "POSTGRESQL", tmp_path)
    with pytest.raises(MissingProgramError, match=r"as root: apt-get install .*redis-server postgresql"):
        server(folder=tmp_path).__enter__()


def test_the_newest_postgresql_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "POSTGRESQL", tmp_path)
    for name in ("9", "15", "common"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "postgres").touch()
    assert postgresql_folder() == tmp_path / "15" / "bin"
