# SPDX-License-Identifier: Apache-2.0
"""Runs a task as Airflow would: render, execute, reschedule, wait in a trigger, resume."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pydoc import locate
from types import SimpleNamespace
from typing import Any

from airflow.sdk import AssetAlias

from airflow_provider_cosinv.hooks.airflow_errors import AirflowRescheduleException, TaskDeferred

STARTED = datetime(2026, 11, 22, tzinfo=timezone.utc)


class StateStore:
    """Keeps JSON, as Airflow's task state store does."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.values[key]) if key in self.values else None

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)


@dataclass
class TaskInstance:
    """What a task sees of its task instance."""

    dag_id: str = "dag"
    task_id: str = "submit"
    run_id: str = "manual__2026-11-22"
    map_index: int = -1
    max_tries: int = 0
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)
    first_reschedule: datetime | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.pushed.get(key)

    def get_first_reschedule_date(self, _: Any) -> datetime | None:
        return self.first_reschedule


class OutletEvents:
    """Makes an event for each asset that is asked for; ``added`` holds those of aliases."""

    def __init__(self) -> None:
        self._events: dict[str, Any] = {}
        self.added: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def __getitem__(self, asset: Any) -> Any:
        if isinstance(asset, AssetAlias):
            added = self.added.setdefault(asset.name, [])
            return SimpleNamespace(add=lambda asset, extra: added.append((asset.uri, extra)))
        return self._events.setdefault(asset.uri, SimpleNamespace(extra={}))


def make_context(**replaced: Any) -> dict[str, Any]:
    """A context with all that this package reads."""
    context: dict[str, Any] = {
        "ti": TaskInstance(),
        "dag_run": SimpleNamespace(run_after=datetime.now(timezone.utc), start_date=STARTED),
        "task_state_store": StateStore(),
        "outlet_events": OutletEvents(),
        **replaced,
    }
    return context


@dataclass
class Run:
    """What happened to a task."""

    result: Any
    deferrals: int
    reschedules: int


def run_task(make_task: Callable[[], Any], context: dict[str, Any]) -> Run:
    """
    Run a task to its end, whichever way it waits, as Airflow does.

    Triggers travel through JSON, and each time that the task comes to a worker it is a new object.
    """
    deferrals = reschedules = 0
    step: Any = make_task().execute
    arguments: tuple[Any, ...] = (context,)
    while True:
        try:
            return Run(step(*arguments), deferrals, reschedules)
        except AirflowRescheduleException as pause:
            reschedules += 1
            context["ti"].first_reschedule = context["ti"].first_reschedule or datetime.now(timezone.utc)
            time.sleep(max(0.0, (pause.reschedule_date - datetime.now(timezone.utc)).total_seconds()))
            step, arguments = make_task().execute, (context,)
        except TaskDeferred as deferral:
            deferrals += 1
            event = run_trigger(deferral.trigger)
            step = make_task().resume_execution
            arguments = (deferral.method_name, {**(deferral.kwargs or {}), "event": event}, context)


def run_trigger(trigger: Any) -> Any:
    """Run a trigger that was stored and loaded again; return the payload of its only event."""
    classpath, arguments = trigger.serialize()
    cls: Any = locate(classpath)
    loaded = cls(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        return [event async for event in loaded.run()]

    (event,) = asyncio.run(events())
    return json.loads(json.dumps(event.payload))
