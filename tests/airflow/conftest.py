# SPDX-License-Identifier: Apache-2.0
"""One real Airflow for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from tests.airflow import reaper
from tests.airflow.component_logs import troubles
from tests.airflow.deployment import AirflowDeployment, free_port
from tests.airflow.kept_secrets import SECRET_KEY, TEMPORARY_KEY, TOKEN, assert_no_secret, files_below
from tests.airflow.wait import wait_until

if TYPE_CHECKING:
    from tests.system.postgres import PostgresServer

HERE = Path(__file__).parent


TIMEOUT = 900.0
"""Seconds for a test of this folder: each of its waits has its own limit, which tells more when it is over."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.fixture(scope="session")
def airflow_dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGs folder with the examples and the DAGs of these tests."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "examples").symlink_to(HERE.parents[1] / "dags_examples")
    (folder / "tests").symlink_to(HERE / "deployment_dags")
    return folder


@pytest.fixture(scope="session")
def airflow_cos() -> Iterator[COSEmulator]:
    """A local COS for the DAGs, with reports late enough for each wait to be deferred."""
    settings = EmulatorSettings(delivery=Delivery(polls=2), rows_per_file=3, post_rate=0)
    with COSEmulator(settings=settings, secret_key=SECRET_KEY) as emulator:
        emulator.create_bucket("examplebucket-1250000000")
        emulator.create_bucket("inventorybucket-1250000000")
        for number in range(10):
            emulator.put_object("examplebucket-1250000000", f"logs/{number}.txt", b"x" * number)
        emulator.put_object("examplebucket-1250000000", "图片/一.jpg", b"x" * 100, storage_class="STANDARD_IA")
        yield emulator


@pytest.fixture(scope="session")
def held_cos() -> Iterator[COSEmulator]:
    """A local COS that holds each report back until a test delivers it."""
    settings = EmulatorSettings(delivery=Delivery(seconds=1e9), post_rate=0)
    with COSEmulator(settings=settings) as emulator:
        emulator.add_credential(
            secret_id="AKIDtemporary", secret_key=TEMPORARY_KEY, token=TOKEN, expires_in=24 * 60 * 60
        )
        yield emulator


@pytest.fixture(scope="session")
def airflow_environment(airflow_cos: COSEmulator, held_cos: COSEmulator) -> dict[str, str]:
    """More environment variables of Airflow's components."""
    held = held_cos.connection
    # The time-out: a test that holds an answer back ends the task that waits for it.
    held_extra = {**held["extra"], "token": TOKEN, "timeout": 600}
    return {
        "AIRFLOW_CONN_COS_DEFAULT": airflow_cos.connection_json,
        "AIRFLOW_CONN_COS_HELD": json.dumps(
            {**held, "login": "AKIDtemporary", "password": TEMPORARY_KEY, "extra": held_extra}
        ),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        # For the tests of what is printed.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        # The files do not change. A test that needs one parsed again asks for it.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        # A busy machine delays the scheduler's heartbeat, and a scheduler that believes itself dead restarts its own
        # tasks as orphans. No scheduler dies in these tests.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
        # Another triggerer takes over from a dead one after so many seconds.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
    }


@pytest.fixture(scope="session")
def airflow_database_url(request: pytest.FixtureRequest) -> str | None:
    """Where Airflow keeps its state; None is a SQLite file in its home."""
    if request.config.getoption("database") == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database("airflow")


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
    airflow_dags_folder: Path,
    airflow_environment: dict[str, str],
    airflow_database_url: str | None,
) -> Iterator[AirflowDeployment]:
    """
    A running Airflow; a test fails if it cannot be started. At the end nothing of it is left, nor a secret.

    On SQLite, tasks have an API server of their own. For each change that a person makes, an API server writes its
    audit log inside its event loop, which stands still while the database is locked. Where a task has the lock whose
    request the same server answers, neither goes on until SQLite gives up after 30 seconds.
    """
    home = tmp_path_factory.mktemp("airflow")
    (home / "config").symlink_to(HERE / "config")
    environment, workers = dict(airflow_environment), {}
    if airflow_database_url is None:
        port = str(free_port())
        environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"http://127.0.0.1:{port}/execution/"
        workers["tasks-api-server"] = ("api-server", "--apps", "execution", "--port", port)
    with AirflowDeployment(
        home=home,
        dags_folder=airflow_dags_folder,
        environment=environment,
        workers=workers,
        # Tests kill tasks in the middle of their work: as many as wait for that at once.
        parallelism=8,
        database_url=airflow_database_url,
    ) as deployment:
        url = deployment.component_environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        wait_until(lambda: answers(f"{url}health"), what="the API server of tasks answers")
        yield deployment
        members = deployment.processes.members()
    assert not any(map(reaper.lives, members))
    assert_no_secret(files_below(home), since=deployment.started_at)


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def checked_logs(airflow: AirflowDeployment) -> dict[Path, int]:
    """How much of each component's log is none of this module's, or was checked: in bytes."""
    logs = [airflow.processes.log_path(name) for name in airflow.commands]
    return {log: log.stat().st_size for log in logs}


@pytest.fixture
def expected_troubles() -> list[str]:
    """Words of what a test lets go wrong on purpose, for it to fill."""
    return []


@pytest.fixture
def sound_components(
    airflow: AirflowDeployment, checked_logs: dict[Path, int], expected_troubles: list[str]
) -> Iterator[None]:
    """At the end of the test, no component has written a traceback or a warning of ours, and no task is orphaned."""
    yield
    found = []
    for log, checked in checked_logs.items():
        written = log.read_bytes()[checked:]
        checked_logs[log] = checked + len(written)
        found += [
            f"{log.name}: {line}"
            for line in troubles(written.decode(errors="replace").splitlines())
            if not any(word in line for word in expected_troubles)
        ]
    assert not found, "\n".join(found)
    wait_until(lambda: not airflow.orphans(), what="every process is a component's, or a descendant of one")
