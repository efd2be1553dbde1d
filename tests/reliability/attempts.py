# SPDX-License-Identifier: Apache-2.0
"""Attempts of a task that submits: run as Airflow would, with what the task did and what its user read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from tenacity import nap

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.exceptions import COSInventoryError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context

POST = "PostBucketInventory"


def new_context(**replaced: Any) -> dict[str, Any]:
    """A context of Airflow 3.3 for a run that starts now; the state store in it outlives an attempt."""
    return make_context(dag_run=SimpleNamespace(start_date=datetime.now(timezone.utc)), **replaced)


def old_context(**replaced: Any) -> dict[str, Any]:
    """A context of Airflow before 3.3, which has no state store."""
    context = new_context(**replaced)
    del context["task_state_store"]
    return context


#: What holds without a state store holds with one.
each_airflow = pytest.mark.parametrize("make", [new_context, old_context], ids=["state-store", "no-state-store"])


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What one attempt did.

    :param job: its result
    :param error: ours, whichever way Airflow got it
    :param is_final: Airflow does not run the task again
    :param log: what the task logged of itself
    """

    job: dict[str, Any] | None = None
    error: COSInventoryError | None = None
    is_final: bool = False
    log: list[str] = field(default_factory=list)

    @property
    def submitted(self) -> tuple[bool, bool]:
        """Whether the result is an earlier submission's, and whether its JobId is known."""
        assert self.job is not None, self.error
        return self.job["attached"], self.job["job_id"] is not None


SUBMITTED = (False, True)
ATTACHED = (True, False)
ATTACHED_WITH_JOB_ID = (True, True)


def make_operator(**parameters: Any) -> COSInventoryOperator:
    defaults = {
        "task_id": "submit",
        "bucket": SOURCE,
        "destination_bucket": DESTINATION,
        "destination_prefix": "inv",
    }
    return COSInventoryOperator(**{**defaults, **parameters})


def attempt(context: Any, **parameters: Any) -> Outcome:
    """Run the task once, on a worker of its own."""
    with structlog.testing.capture_logs() as entries:
        job, raised = _execute(context, parameters)
    log = [entry["event"] for entry in entries if entry["log_level"] in ("info", "warning")]
    is_final = isinstance(raised, AirflowFailException)
    error = raised.__cause__ if isinstance(raised, AirflowFailException) else raised
    assert error is None or isinstance(error, COSInventoryError)
    # What Airflow shows is what the error says.
    assert str(raised) == str(error)
    return Outcome(job=job, error=error, is_final=is_final, log=log)


def _execute(context: Any, parameters: dict[str, Any]) -> tuple[dict[str, Any] | None, Exception | None]:
    try:
        return make_operator(**parameters).execute(context), None
    except (AirflowFailException, COSInventoryError) as raised:
        return None, raised


def count_posts(cos: COSEmulator) -> Callable[[], int]:
    """Count the submissions that reach COS from now on, whatever becomes of them."""
    cos.fault(action=POST, nth=10**9)
    number = len(cos.faults()) - 1
    return lambda: int(cos.faults()[number]["seen"])


def record_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Take no pause between the tries of a call; return the list that they are written to, seconds."""
    pauses: list[float] = []
    monkeypatch.setattr(nap, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def connect(monkeypatch: pytest.MonkeyPatch, cos: COSEmulator, **extra: Any) -> None:
    """Edit the connection: what is said overrules the way to the emulator, and nothing restores it."""
    connection = cos.connection
    monkeypatch.setenv(
        "AIRFLOW_CONN_COS_DEFAULT", json.dumps({**connection, "extra": {**connection["extra"], **extra}})
    )


def task(**identity: Any) -> dict[str, Any]:
    """The part of a context that says which task it is."""
    return {"ti": TaskInstance(**identity)}
