# SPDX-License-Identifier: Apache-2.0
"""What all tests share. Airflow reads its settings when it is imported: they are set here, before that."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] = "False"

import pytest
from airflow.sdk.execution_time import task_runner
from hypothesis import settings

from airflow_provider_cosinv.cos import async_client as aio
from airflow_provider_cosinv.cos import retrying as caller
from airflow_provider_cosinv.cos.credentials import shared as shared_credentials
from airflow_provider_cosinv.cos.protocol import retry
from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.waiting import pacing
from tests.support import cloud as played
from tests.support.clock import WallClock
from tests.support.supervisor import Supervisor

if TYPE_CHECKING:
    from tests.system.postgres import PostgresServer

# No deadline: how long an example takes is the machine's affair.
settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("quick")

SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="where the Airflow of tests/airflow keeps its state; PostgreSQL is started for the tests that are marked "
        "every_database",
    )
    parser.addoption("--screenshots", type=Path, help="folder for pictures of what tests see in a browser")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the command that runs each failed test alone, at most five."""
    failed = [report.nodeid for status in ("error", "failed") for report in terminalreporter.stats.get(status, [])]
    for test in list(dict.fromkeys(failed))[:5]:
        terminalreporter.write_line(f"Run it alone: {sys.executable} -m pytest {shlex.quote(test)}")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A running PostgreSQL; a test fails if there is none on this machine."""
    from tests.system.postgres import PostgresServer

    with PostgresServer(folder=tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """The other end of the triggerer, which keeps Airflow's Variables."""
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def emulator_settings() -> EmulatorSettings:
    """Settings of the emulator; a test overrides it to choose others. Submissions are not throttled."""
    return EmulatorSettings(post_rate=0)


@pytest.fixture
def impatient_retries(monkeypatch):
    """Clients try again after milliseconds, not seconds, and so do waits that COS asked to slow down."""
    monkeypatch.setattr(pacing, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(pacing, "_LONGEST_PAUSE", 0.002)
    policies = {id(policy): policy for policy in (caller._DEFAULT_POLICY, aio._DEFAULT_POLICY, retry.POLLING_POLICY)}
    before = [(policy, vars(policy).copy()) for policy in policies.values()]
    for policy in policies.values():
        vars(policy).update(first_wait=0.001, max_wait=0.002)
    yield
    for policy, values in before:
        vars(policy).update(values)


@pytest.fixture
def wall_clock(monkeypatch) -> WallClock:
    """The time of day of this process, which the test moves forward."""
    clock = WallClock()
    monkeypatch.setattr(time, "time", clock.time)
    return clock


@pytest.fixture
def cos(emulator_settings, monkeypatch):
    """A local COS with a bucket of three objects and one for reports, and the connection ``cos_default`` to it."""
    with COSEmulator(settings=emulator_settings) as emulator:
        emulator.create_bucket(SOURCE)
        emulator.create_bucket(DESTINATION)
        emulator.put_object(SOURCE, "logs/2026/a+b.gz", b"12345", tags={"age": "18"})
        emulator.put_object(SOURCE, "图片/一 二.jpg", b"123", storage_class="STANDARD_IA")
        emulator.put_object(SOURCE, "readme.txt", b"1234567", metadata={"x-cos-meta-owner": "li"})
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", emulator.connection_json)
        yield emulator


@pytest.fixture
def cloud(cos, monkeypatch, tmp_path):
    """The services that issue credentials for that COS; the environment is also that of a pod."""
    with played.Cloud(cos=cos) as services:
        token_file = tmp_path / "web-identity-token"
        token_file.write_text(played.WEB_TOKEN)
        variables = {
            "TENCENTCLOUD_SECRET_ID": played.CALLER[0],
            "TENCENTCLOUD_SECRET_KEY": played.CALLER[1],
            "TKE_REGION": "ap-guangzhou",
            "TKE_PROVIDER_ID": "cls-provider",
            "TKE_ROLE_ARN": played.ROLE_ARN,
            "TKE_WEB_IDENTITY_TOKEN_FILE": str(token_file),
            # The host name of the metadata service is fixed: the proxy answers for it.
            "http_proxy": services.url,
            # Tencent's library looks for host and port in it.
            "no_proxy": f"127.0.0.1,{services.url.removeprefix('http://')}",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        cos.add_credential(secret_id=played.CALLER[0], secret_key=played.CALLER[1])
        # urllib reads the proxies of the environment once; None lets it read them again.
        urllib.request.install_opener(None)
        shared_credentials.forget_credentials()
        yield services
    # A renewal that began as its test ended would keep the proxies of this one for the next.
    for thread in threading.enumerate():
        if thread.name.startswith("cos-inventory-credentials-"):
            thread.join(1)
    urllib.request.install_opener(None)
    shared_credentials.forget_credentials()


@pytest.fixture
def connect(cos, cloud, monkeypatch):
    """Make ``cos_default`` a connection without a key, with the given extra."""

    def make(**extra):
        fields = {name: extra.pop(name) for name in ("login", "password") if name in extra}
        extra = {**cos.connection["extra"], "sts_endpoint_url": cloud.url, **extra}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps({"conn_type": "cos", **fields, "extra": extra}))

    return make
