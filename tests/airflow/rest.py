# SPDX-License-Identifier: Apache-2.0
"""A small client of Airflow's public REST API (``/api/v2``), for tests and the demo."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from tests.airflow.wait import PATIENCE

JSON = dict[str, Any]
ReadTaskLog = Callable[[str, str, str, int], str]

FINISHED = frozenset({"success", "failed"})
TOLD_TASKS = frozenset({"failed", "up_for_retry", "running", "deferred"})
"""Tasks whose logs tell why a run failed or does not end."""

LOCKED = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE})
"""How Airflow says that SQLite's lock was not free: 500, and 503 where a backfill is created."""

LOCK_PATIENCE = 60.0
"""Seconds for which a locked SQLite database or an API server that restarts is put up with."""


class AirflowRestError(RuntimeError):
    """Airflow refused a request; `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class DagRunError(AssertionError):
    """A DAG run did not end as expected; the message holds its tasks' states and the failed tasks' logs."""


class AirflowClient:
    """What tests ask of Airflow, over HTTP.

    :param url: the API server's, ``http://127.0.0.1:8080``.
    :param read_task_log: gives a task's log for error messages, from DAG id, run id, task id and map index.
    """

    def __init__(self, *, url: str, read_task_log: ReadTaskLog) -> None:
        self.url = url
        self._read_task_log = read_task_log
        self._token: str | None = None
        self._http = httpx.Client(base_url=url, timeout=60.0, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, *, json: Any = None, **query: Any) -> Any:
        """The parsed answer to a request such as ``request("GET", "/api/v2/version")``.

        Repeated while the API server does not accept connections or the database is locked, for at most
        ``LOCK_PATIENCE`` seconds.

        :raises AirflowRestError: any other answer of 400 and above.
        """
        parameters = {name: value for name, value in query.items() if value is not None}
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            over = time.monotonic() > deadline
            try:
                if self._token is None:
                    self._token = self._http.get("/auth/token").raise_for_status().json()["access_token"]
                answer = self._http.request(
                    method,
                    path,
                    json=json,
                    params=parameters,
                    headers={"Authorization": f"Bearer {self._token}"},
                )
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.HTTPStatusError):
                if over:
                    raise
            else:
                if answer.status_code not in LOCKED or over:
                    break
            time.sleep(0.3)
        if answer.is_error:
            raise AirflowRestError(
                f"{method} {path}: {answer.status_code} {answer.text[:4000]}", status=answer.status_code
            )
        return answer.json() if answer.content else None

    # Health, jobs, DAGs

    def health(self) -> dict[str, JSON]:
        """Status and latest heartbeat of each component; raises ``httpx.TransportError`` while there is no server."""
        answer: dict[str, JSON] = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        return answer

    def dag(self, dag_id: str) -> JSON | None:
        """The DAG as Airflow knows it, None if it does not."""
        try:
            found: JSON = self.request("GET", f"/api/v2/dags/{dag_id}")
        except AirflowRestError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    def dags(self) -> list[JSON]:
        """Every DAG that was parsed."""
        return self._all("/api/v2/dags", "dags")

    def import_errors(self) -> list[JSON]:
        """Files of the DAGs folder that could not be imported: ``filename``, ``stack_trace``, ``timestamp``."""
        return self._all("/api/v2/importErrors", "import_errors")

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self.request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG no more."""
        self.request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": True})

    def parse_again(self, dag_id: str) -> None:
        """Let the DAG processor parse a DAG's file now, as the UI's Reparse does; it starts and stops watchers then."""
        token = self.request("GET", f"/api/v2/dags/{dag_id}")["file_token"]
        self.request("PUT", f"/api/v2/parseDagFile/{token}")

    def jobs(self, job_type: str) -> list[JSON]:
        """Every process of a component that was ever started (``TriggererJob``…): ``id``, ``latest_heartbeat``…"""
        return self._all("/api/v2/jobs", "jobs", job_type=job_type)

    # DAG runs

    def trigger_dag_run(
        self,
        dag_id: str,
        *,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = None,
        run_id: str | None = None,
    ) -> str:
        """Start a run (of a DAG that is not paused) and return its run id.

        The id is chosen here, so that a request that is repeated starts one run.
        """
        run_id = run_id or f"manual__{datetime.now(timezone.utc).isoformat(timespec='seconds')}__{secrets.token_hex(3)}"
        body = {
            "dag_run_id": run_id,
            "conf": dict(conf or {}),
            "logical_date": logical_date.isoformat() if logical_date else None,
        }
        try:
            self.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        except AirflowRestError as error:
            accepted = error.status == HTTPStatus.CONFLICT and any(
                run["dag_run_id"] == run_id for run in self.dag_runs(dag_id)
            )
            if not accepted:
                raise
        return run_id

    def dag_run(self, dag_id: str, run_id: str) -> JSON:
        """One run: ``state``, ``conf``, ``logical_date``, ``run_type``…"""
        run: JSON = self.request("GET", _run_path(dag_id, run_id))
        return run

    def dag_runs(self, dag_id: str) -> list[JSON]:
        """Every run of a DAG, the newest first."""
        return self._all(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs", order_by="-run_after")

    def set_dag_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run as ``failed``, ``success`` or ``queued``."""
        self.request("PATCH", _run_path(dag_id, run_id), json={"state": state})

    def wait_for_dag_run(
        self, dag_id: str, run_id: str, *, timeout: float = PATIENCE, expect: str | None = "success"
    ) -> str:
        """Wait until a run has ended and return its state.

        :param timeout: seconds.
        :param expect: ``success``, ``failed``, or None where either is well.
        :raises DagRunError: it did not end in time, or in another state; with the failed tasks' logs.
        """
        deadline = time.monotonic() + timeout
        while (state := str(self.dag_run(dag_id, run_id)["state"])) not in FINISHED:
            if time.monotonic() > deadline:
                raise DagRunError(self._account(dag_id, run_id, f"did not end in time, it is {state}"))
            time.sleep(0.25)
        if expect not in (None, state):
            raise DagRunError(self._account(dag_id, run_id, f"ended as {state}, not as {expect}"))
        return state

    # Task instances

    def task_instances(self, dag_id: str = "~", run_id: str = "~", *, state: str | None = None) -> list[JSON]:
        """Task instances (``task_id``, ``map_index``, ``state``, ``try_number``, ``pid``…); ``~`` means any."""
        return self._all(f"{_run_path(dag_id, run_id)}/taskInstances", "task_instances", state=state)

    def task_instance(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> JSON:
        """One task instance."""
        found: JSON = self.request("GET", _task_path(dag_id, run_id, task_id, map_index))
        return found

    def wait_for_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        states: str | set[str],
        *,
        map_index: int = -1,
        timeout: float = PATIENCE,
    ) -> JSON:
        """Wait until a task instance is in one of these states (``running``, ``deferred``…) and return it.

        :raises DagRunError: it is not within `timeout` seconds.
        """
        wanted = {states} if isinstance(states, str) else states
        deadline = time.monotonic() + timeout
        while True:
            task = self.task_instance(dag_id, run_id, task_id, map_index=map_index)
            if task["state"] in wanted:
                return task
            if time.monotonic() > deadline:
                said = f"has task {task_id} in state {task['state']}, not {sorted(wanted)}, after {timeout:g} s"
                raise DagRunError(self._account(dag_id, run_id, said))
            time.sleep(0.1)

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str, *, map_index: int = -1) -> None:
        """Mark a task instance as ``failed``, ``success`` or ``skipped``, as the UI does."""
        self.request("PATCH", _task_path(dag_id, run_id, task_id, map_index), json={"new_state": state})

    def clear_task(self, dag_id: str, run_id: str, task_id: str, *, downstream: bool = True) -> None:
        """Let a task, and those after it, run again, as the UI's Clear does."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "include_downstream": downstream,
            "reset_dag_runs": True,
        }
        self.request("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def clear_dag_run(self, dag_id: str, run_id: str) -> None:
        """Let every task of a run run again, as the UI's Clear does for a run."""
        body = {"dry_run": False, "only_failed": False}
        self.request("POST", f"{_run_path(dag_id, run_id)}/clear", json=body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        """The value of an XCom entry.

        :raises AirflowRestError: with ``status == 404`` if there is none.
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{quote(key, safe='')}"
        return self.request("GET", path, map_index=map_index)["value"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """The addresses of a task's extra links, by the button's text; None where there is none yet."""
        found: dict[str, str | None] = self.request("GET", f"{_task_path(dag_id, run_id, task_id, -1)}/links")[
            "extra_links"
        ]
        return found

    # Assets, backfills

    def assets(self) -> list[JSON]:
        """Every asset: ``id``, ``uri``, ``name``, ``extra``, producing tasks and consuming DAGs."""
        return self._all("/api/v2/assets", "assets")

    def asset_events(self, *, dag_id: str | None = None, run_id: str | None = None) -> list[JSON]:
        """Asset events, those of one producing DAG or run if given: ``uri``, ``extra``, ``created_dagruns``…"""
        return self._all("/api/v2/assets/events", "asset_events", source_dag_id=dag_id, source_run_id=run_id)

    def create_backfill(
        self, dag_id: str, *, from_date: datetime, to_date: datetime, max_active_runs: int = 1, **body: Any
    ) -> int:
        """Backfill a scheduled DAG between two dates (aware, inclusive) and return the backfill's id.

        :param body: more of the request's fields, such as ``reprocess_behavior="completed"``.
        """
        answer = self.request(
            "POST",
            "/api/v2/backfills",
            json={
                "dag_id": dag_id,
                "from_date": from_date.isoformat(),
                "to_date": to_date.isoformat(),
                "max_active_runs": max_active_runs,
                **body,
            },
        )
        return int(answer["id"])

    def _all(self, path: str, key: str, **query: Any) -> list[JSON]:
        """Every item of a paged list."""
        return list(self._pages(path, key, query))

    def _pages(self, path: str, key: str, query: dict[str, Any]) -> Iterator[JSON]:
        offset = 0
        while True:
            page = self.request("GET", path, limit=100, offset=offset, **query)
            yield from page[key]
            offset += len(page[key])
            if not page[key] or offset >= page["total_entries"]:
                return

    def _account(self, dag_id: str, run_id: str, said: str) -> str:
        """What happened in a run, for people: each task's state, the logs of those that failed or still run."""
        tasks = self.task_instances(dag_id, run_id)
        lines = [f"DAG run {dag_id} {run_id} {said}."]
        lines.extend(f"  {_label(task)}: {task['state']}, attempt {task['try_number']}" for task in tasks)
        for task in tasks:
            if task["state"] in TOLD_TASKS:
                with contextlib.suppress(OSError):
                    log = self._read_task_log(dag_id, run_id, task["task_id"], task["map_index"])
                    lines.extend(["", f"--- log of {_label(task)} ---", log or "(none)"])
        return "\n".join(lines)


def _label(task: JSON) -> str:
    return str(task["task_id"]) + (f"[{task['map_index']}]" if task["map_index"] >= 0 else "")


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='~')}"


def _task_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}"
    return path if map_index < 0 else f"{path}/{map_index}"
