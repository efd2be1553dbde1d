# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.airflow import reaper
from tests.airflow.deployment import COMMANDS, AirflowDeployment, DeploymentError
from tests.airflow.processes import ProcessSet
from tests.airflow.rest import AirflowRestError, DagRunError
from tests.airflow.settings import component_environment
from tests.airflow.wait import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "deployment_dags"

# Whoever runs these tests may ignore Ctrl-C (pytest-xdist, a shell's background job), which the process inherits.
STARTER = """
import signal, sys, time
from pathlib import Path
from tests.airflow.deployment import AirflowDeployment
signal.signal(signal.SIGINT, signal.default_int_handler)
deployment = AirflowDeployment(home=Path(sys.argv[1]), dags_folder=Path(sys.argv[2]))
deployment.launch()
try:
    print(deployment.processes.token, flush=True)
    time.sleep(600)
finally:
    deployment.stop()
"""


@pytest.fixture
def copied_home(airflow: AirflowDeployment, tmp_path: Path) -> Path:
    """A home with a migrated database, to start a second Airflow quickly."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("airflow.cfg", "migrated"):
        shutil.copy(airflow.home / name, home / name)
    with (
        contextlib.closing(sqlite3.connect(airflow.home / "airflow.db")) as source,
        contextlib.closing(sqlite3.connect(home / "airflow.db")) as copy,
    ):
        source.backup(copy)
    return home


@pytest.fixture
def starter(copied_home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that has started all components and waits, and their token."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(copied_home), str(DAGS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    token = process.stdout.readline().strip()
    try:
        yield process, token
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        reaper.kill_all(token)


def test_a_dag_with_a_deferred_task_runs_to_its_end(airflow: AirflowDeployment) -> None:
    run = airflow.start_dag_run("trio", conf={"seconds": 1})
    assert airflow.client.wait_for_dag_run("trio", run) == "success"
    assert airflow.client.xcom("trio", run, "submit") == {"seconds": 1}
    assert airflow.client.xcom("trio", run, "summarise") == [{"answer": 42}]
    with pytest.raises(AirflowRestError) as refused:
        airflow.client.xcom("trio", run, "submit", "no such key")
    assert refused.value.status == 404
    log = airflow.task_log("trio", run, "wait", try_number=1)
    assert log.index("Pausing task as DEFERRED") < log.index("Trigger fired event") < log.rindex("DAG bundles loaded")
    assert airflow.task_log("trio", run, "wait", try_number=2) == ""


def test_every_socket_listens_on_loopback_only(airflow: AirflowDeployment) -> None:
    members = airflow.processes.members()
    assert len(members) >= len(COMMANDS)
    listening = {
        connection.laddr.ip
        for process in members
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN or not connection.raddr
    }
    assert listening == {"127.0.0.1"}


def test_the_callers_environment_does_not_reach_airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "77")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://elsewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    environment = component_environment(
        home=tmp_path,
        dags_folder=tmp_path,
        port=1,
        database_url="sqlite://",
        executor="LocalExecutor",
        parallelism=2,
        secret="x",
        extra={"AIRFLOW_CONN_COS_DEFAULT": "{}", "AIRFLOW__API__WORKERS": "2"},
    )
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert environment["AIRFLOW__API__WORKERS"] == "2"
    assert environment["AIRFLOW_CONN_COS_DEFAULT"] == "{}"
    assert not {"AIRFLOW_CONN_OTHER", "HTTPS_PROXY"} & environment.keys()


def test_a_failed_run_is_explained_with_the_tasks_log(airflow: AirflowDeployment) -> None:
    run = airflow.start_dag_run("fails")
    with pytest.raises(DagRunError, match=r"(?s)explode: failed, attempt 1.*ValueError: the reactor is on fire"):
        airflow.client.wait_for_dag_run("fails", run)
    assert airflow.client.wait_for_dag_run("fails", run, expect="failed") == "failed"


def test_a_task_can_be_killed_cleared_and_marked(airflow: AirflowDeployment) -> None:
    client = airflow.client
    run = airflow.start_dag_run("sleeps")
    client.wait_for_task("sleeps", run, "snore", "running")
    wait_until(lambda: airflow.task_processes("sleeps", run), what="the task's process is known")
    (task,) = airflow.task_processes("sleeps", run, "snore")
    task.kill()
    assert client.wait_for_dag_run("sleeps", run, expect=None) == "failed"
    assert not reaper.lives(task.process)

    client.clear_task("sleeps", run, "snore")
    again = client.wait_for_task("sleeps", run, "snore", "running")
    assert again["try_number"] == 2
    client.set_task_state("sleeps", run, "snore", "failed")
    assert client.wait_for_dag_run("sleeps", run, expect="failed") == "failed"


def test_a_home_is_used_by_one_deployment_at_a_time(airflow: AirflowDeployment) -> None:
    with pytest.raises(DeploymentError, match="another deployment is running in"):
        AirflowDeployment(home=airflow.home, dags_folder=DAGS).launch()


def test_a_component_that_dies_at_start_is_reported_with_its_log(copied_home: Path) -> None:
    broken = AirflowDeployment(
        home=copied_home, dags_folder=DAGS, environment={"AIRFLOW__CORE__EXECUTOR": "NoSuchExecutor"}
    )
    with pytest.raises(DeploymentError, match=r"(?s)ended with exit code 1.*NoSuchExecutor"), broken:
        pytest.fail("it started")
    assert broken.processes.members() == []


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_starter_is_ended(
    starter: tuple[subprocess.Popen[str], str], signal_number: signal.Signals
) -> None:
    process, token = starter
    time.sleep(2)  # in the middle of the start
    members = reaper.members(token)
    assert len(members) >= len(COMMANDS)
    process.send_signal(signal_number)
    process.wait(timeout=PATIENCE)
    # One that is ending has no environment any more, by which its token is found, and may live for a moment.
    wait_until(lambda: not reaper.members(token) and not any(map(reaper.lives, members)), what="every process is gone")


def test_a_grandchild_in_a_session_of_its_own_is_stopped_too(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; subprocess.Popen(['sleep', '600'], start_new_session=True); "
        "print('ready', flush=True); time.sleep(600)"
    )
    with ProcessSet(log_folder=tmp_path) as processes:
        processes.start("parent", [sys.executable, "-c", script], environment=os.environ, folder=tmp_path)
        wait_until(lambda: "ready" in processes.log_path("parent").read_text(), what="the child is started")
        members = processes.members()
        assert len(members) == 2
    assert not any(map(reaper.lives, members))


def test_a_file_that_cannot_be_imported_is_reported_at_once(
    airflow: AirflowDeployment, airflow_dags_folder: Path
) -> None:
    broken = airflow_dags_folder / "broken.py"
    broken.write_text("from airflow.sdk import dag\nimport no_such_module_anywhere\n")
    try:
        with pytest.raises(DeploymentError, match=r"(?s)no DAG broken.*No module named 'no_such_module_anywhere'"):
            airflow.wait_for_dag("broken")
    finally:
        broken.unlink()
