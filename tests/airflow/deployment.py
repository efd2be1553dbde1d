# SPDX-License-Identifier: Apache-2.0
"""A real Airflow on this machine: API server, scheduler, DAG processor and triggerer, bound to 127.0.0.1 alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil
from typing_extensions import Self

from tests.airflow import reaper
from tests.airflow.processes import ProcessDiedError, ProcessSet
from tests.airflow.rest import AirflowClient
from tests.airflow.settings import component_environment
from tests.airflow.task_logs import task_log_files, task_log_text
from tests.airflow.wait import PATIENCE

COMMANDS = {
    "api-server": ("api-server",),
    # Without -s these two serve logs on all interfaces, and there is no option for the host.
    "scheduler": ("scheduler", "-s"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "-s"),
}
"""Components and their command lines."""

API_SERVER_GRACE = 0.5
"""Seconds: it holds no state once the others are gone, and its interpreter takes seconds to wind up."""


class DeploymentError(RuntimeError):
    """Airflow could not be started; the message ends with the last lines of the log that tells why."""


@dataclass(frozen=True)
class TaskProcess:
    """A task that runs now: its own process and its supervisor, the executor's worker."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    process: psutil.Process

    def kill(self) -> None:
        """Kill the task with SIGKILL; its supervisor reports that to Airflow at once."""
        self.process.kill()

    def kill_with_supervisor(self) -> None:
        """Kill the supervisor first, then the task: Airflow hears no more of it, as of a worker that vanished."""
        supervisor = self.process.parent()
        if supervisor is not None:
            supervisor.kill()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.kill()


class AirflowDeployment:
    """A context manager: inside the block Airflow runs, after it nothing of it is left.

    Components are processes of their own; each one's output is in ``home/components/<name>.log``. One
    deployment may use a home at a time. A home that was used before starts faster: its database is migrated.

    :param home: AIRFLOW_HOME; made if missing, kept afterwards.
    :param dags_folder: the DAGs folder.
    :param environment: more environment variables for the components, such as ``AIRFLOW_CONN_COS_DEFAULT``
        or ``AIRFLOW__CORE__TEST_CONNECTION``; they win over the settings made here. Of the caller's own
        environment only a few harmless variables are passed on.
    :param executor: name of the executor.
    :param parallelism: how many tasks run at once.
    :param database_url: SQLAlchemy URL; default: a SQLite file in the home.
    :param workers: more processes by name, and the command line of ``airflow`` for each, such as Celery's workers;
        they are started with the components and are not waited for.
    :param timeout: seconds within which every component must be healthy.
    """

    def __init__(
        self,
        *,
        home: Path,
        dags_folder: Path,
        environment: Mapping[str, str] | None = None,
        executor: str = "LocalExecutor",
        parallelism: int = 2,
        database_url: str | None = None,
        workers: Mapping[str, Sequence[str]] | None = None,
        timeout: float = PATIENCE,
    ) -> None:
        self.home = home.absolute()
        self.dags_folder = dags_folder.absolute()
        self.environment = dict(environment or {})
        self.executor = executor
        self.parallelism = parallelism
        self.database_url = database_url
        self.commands = {**COMMANDS, **(workers or {})}
        self.timeout = timeout
        self.started_at = datetime.now(timezone.utc)
        self._stack = contextlib.ExitStack()
        self._processes: ProcessSet | None = None
        self._client: AirflowClient | None = None
        self._component_environment: dict[str, str] = {}
        self._started: dict[str, datetime] = {}

    def __enter__(self) -> Self:
        self.launch()
        try:
            self.wait_until_healthy(tuple(COMMANDS))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def launch(self) -> None:
        """Migrate the database if needed and start all components without waiting for them; ``stop`` must follow.

        :raises DeploymentError: the migration failed, or another deployment uses this home.
        """
        with contextlib.ExitStack() as stack:
            self.home.mkdir(parents=True, exist_ok=True)
            self._lock(stack)
            self._processes = stack.enter_context(ProcessSet(log_folder=self.home / "components"))
            port = free_port()
            self._client = AirflowClient(
                url=f"http://127.0.0.1:{port}",
                read_task_log=lambda *task: self.task_log(*task[:3], map_index=task[3]),
            )
            stack.callback(self._client.close)
            database_url = self.database_url or _sqlite_url(self.home / "airflow.db")
            self._component_environment = component_environment(
                home=self.home,
                dags_folder=self.dags_folder,
                port=port,
                database_url=database_url,
                executor=self.executor,
                parallelism=self.parallelism,
                secret=secrets.token_urlsafe(48),
                extra=self.environment,
            )
            self._migrate(database_url)
            self.started_at = datetime.now(timezone.utc)
            stack.callback(self._stop_components)
            for name in self.commands:
                self._start(name)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop every process, in order, by SIGTERM and then SIGKILL. Nothing happens if none runs."""
        self._stack.close()

    @property
    def processes(self) -> ProcessSet:
        """The components' processes; also takes more, such as a server that the DAGs talk to."""
        if self._processes is None:
            raise RuntimeError("the deployment was not started: use it in a with statement")
        return self._processes

    @property
    def client(self) -> AirflowClient:
        """The REST API."""
        if self._client is None:
            raise RuntimeError("the deployment was not started: use it in a with statement")
        return self._client

    @property
    def url(self) -> str:
        """Where the API server and the web interface are."""
        return self.client.url

    @property
    def component_environment(self) -> dict[str, str]:
        """The environment variables of a component, for one more program of this deployment."""
        return dict(self._component_environment)

    def cli(self, *arguments: str) -> str:
        """Run the command ``airflow`` with these arguments, as a person at this deployment would; return its output.

        :raises subprocess.CalledProcessError: it ended with another exit code than 0.
        """
        return subprocess.run(
            [_airflow_command(), *arguments],
            env=self._component_environment,
            cwd=self.home,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def start(self, name: str) -> None:
        """Start a component that was killed, and wait until it is healthy."""
        self._start(name)
        self.wait_until_healthy((name,))

    def start_another(self, component: str, *, name: str) -> None:
        """Start one more process of a component or worker, named for :meth:`kill`; it is not waited for."""
        self._start(name, component=component)

    def kill(self, name: str) -> None:
        """End a component and its descendants (running tasks, for the scheduler) with SIGKILL."""
        self.processes.kill(name)

    def freeze(self, name: str) -> None:
        """Stop a component's process, without its descendants and outside of a write to SQLite, until :meth:`thaw`."""
        self.processes.freeze(name)
        while not self._can_be_written():
            self.processes.thaw(name)
            time.sleep(0.1)
            self.processes.freeze(name)

    def thaw(self, name: str) -> None:
        """Let a component go on that was frozen."""
        self.processes.thaw(name)

    def orphans(self) -> list[psutil.Process]:
        """The processes that have lost the component that they were started for."""
        families = {process for name in self.commands for process in self.processes.tree(name)}
        return [process for process in self.processes.members() if process not in families and reaper.lives(process)]

    def start_dag_run(self, dag_id: str, *, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run of a DAG as soon as its file was parsed, and return its run id."""
        self.wait_for_dag(dag_id)
        self.client.unpause(dag_id)
        return self.client.trigger_dag_run(dag_id, conf=conf, run_id=run_id)

    def task_processes(self, dag_id: str = "~", run_id: str = "~", task_id: str | None = None) -> list[TaskProcess]:
        """The processes of tasks that run now, of one DAG, run or task if given."""
        alive = {process.pid: process for process in self.processes.members()}
        return [
            TaskProcess(
                dag_id=task["dag_id"],
                run_id=task["dag_run_id"],
                task_id=task["task_id"],
                map_index=task["map_index"],
                try_number=task["try_number"],
                process=alive[task["pid"]],
            )
            for task in self.client.task_instances(dag_id, run_id, state="running")
            if task["pid"] in alive and task_id in (None, task["task_id"])
        ]

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, *, try_number: int | None = None, map_index: int = -1
    ) -> str:
        """A task instance's log as text, the triggerer's part too; of all attempts if no `try_number`."""
        files = task_log_files(self.home / "logs", dag_id, run_id, task_id, try_number=try_number, map_index=map_index)
        return task_log_text(files)

    def wait_for_dag(self, dag_id: str, *, timeout: float = PATIENCE) -> None:
        """Wait until a DAG's file was parsed by this deployment (the database may know an older version of it).

        :raises DeploymentError: the file named after the DAG has an import error, or the DAG is not there after
            `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            dag = self.client.dag(dag_id)
            if dag and dag["last_parsed_time"] and _time(dag["last_parsed_time"]) > self.started_at:
                return
            errors = [e for e in self.client.import_errors() if _time(e["timestamp"]) > self.started_at]
            over = time.monotonic() > deadline
            if over or any(Path(error["filename"]).stem == dag_id for error in errors):
                said = f"There is no DAG {dag_id} in {self.dags_folder}."
                texts = (f"{error['filename']} cannot be imported:\n{error['stack_trace']}" for error in errors)
                raise DeploymentError("\n".join([said, *texts]))
            self.processes.check()
            time.sleep(0.2)

    def wait_until_healthy(self, names: Sequence[str]) -> None:
        """Wait until these components have given a sign of life since they were started.

        :raises DeploymentError: one of them died, or is not healthy in time.
        """
        deadline = time.monotonic() + self.timeout
        while missing := self._not_healthy(names):
            try:
                self.processes.check()
            except ProcessDiedError as error:
                raise DeploymentError(f"Airflow did not start: {error}") from error
            if time.monotonic() > deadline:
                logs = "\n".join(self.processes.tail(name) for name in missing)
                raise DeploymentError(f"not healthy after {self.timeout:g} s: {', '.join(missing)}\n{logs}")
            time.sleep(0.2)

    def _not_healthy(self, names: Sequence[str]) -> list[str]:
        """Those of the components that have no heartbeat in the database since their start."""
        try:
            health = self.client.health()
        except (httpx.TransportError, httpx.HTTPStatusError):
            return list(names)
        missing = []
        for name in names:
            key = name.replace("-", "_")
            heartbeat = health.get(key, {}).get(f"latest_{key}_heartbeat")
            # The newest heartbeat may be that of a component that was killed.
            if name != "api-server" and not (heartbeat and _time(heartbeat) > self._started[name]):
                missing.append(name)
        return missing

    def _start(self, name: str, *, component: str | None = None) -> None:
        self._started[name] = datetime.now(timezone.utc)
        self.processes.start(
            name,
            [_airflow_command(), *self.commands[component or name]],
            environment=self._component_environment,
            folder=self.home,
        )

    def _stop_components(self) -> None:
        self.processes.stop([name for name in self.commands if name != "api-server"])
        self.processes.stop(["api-server"], grace=API_SERVER_GRACE)

    def _lock(self, stack: contextlib.ExitStack) -> None:
        lock = stack.enter_context((self.home / "deployment.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeploymentError(f"another deployment is running in {self.home}") from None

    def _can_be_written(self) -> bool:
        """Whether nobody keeps SQLite's lock; other databases have none for all that is in them."""
        if self.database_url:
            return True
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db", timeout=5, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            database.execute("ROLLBACK")
            return True

    def _migrate(self, database_url: str) -> None:
        """Bring the database to this Airflow's version; one that was made here is never seen half done."""
        done = self.home / "migrated"
        place = hashlib.sha256(self.database_url.encode()).hexdigest() if self.database_url else "airflow.db"
        stamp = f"{version('apache-airflow-core')} {place}"
        own_file = None if self.database_url else self.home / "airflow.db"
        missing = own_file is not None and not own_file.exists()
        if not missing and done.exists() and done.read_text() == stamp:
            return
        fresh = self.home / "airflow.db.new"
        fresh.unlink(missing_ok=True)
        url = _sqlite_url(fresh) if missing else database_url
        code = self.processes.run(
            "db-migrate",
            [_airflow_command(), "db", "migrate"],
            environment={**self._component_environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url},
            folder=self.home,
        )
        if code != 0:
            raise DeploymentError(
                f"airflow db migrate ended with exit code {code}.\n{self.processes.tail('db-migrate')}"
            )
        if own_file is not None and missing:
            fresh.replace(own_file)
        done.write_text(stamp)


def _sqlite_url(path: Path) -> str:
    """A database file; writers wait for its lock for 30 s instead of 5."""
    return f"sqlite:///{path}?timeout=30"


def _airflow_command() -> Path:
    command = Path(sys.executable).with_name("airflow")
    if not os.access(command, os.X_OK):
        raise DeploymentError(f"there is no {command}: install apache-airflow for this Python")
    return command


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _time(text: str) -> datetime:
    """A time of the REST API; Python 3.10 does not read the Z."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
