# SPDX-License-Identifier: Apache-2.0
"""What a triggerer does with an event: it is encoded for the supervisor, and kept as JSON by the database."""

from __future__ import annotations

import json
import re
from typing import Any

from airflow.jobs import triggerer_job_runner
from airflow.sdk.execution_time import comms
from airflow.triggers.base import TriggerEvent

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def carry(payload: Any) -> None:
    """
    Send an event as Airflow's triggerer does, which ends if that fails.

    :raises Exception: if it cannot be encoded, or PostgreSQL could not keep it
    """
    entry = getattr(triggerer_job_runner, "TriggerEventEntry", lambda *fields: fields[:2])
    message = triggerer_job_runner.messages.TriggerStateChanges(events=[entry(1, TriggerEvent(payload), None)])
    assert comms._RequestFrame(id=0, body=message.model_dump()).as_bytes()
    text = json.dumps(payload, allow_nan=False)
    assert not _NUL.search(text)
    assert len(text) < 1024 * 1024
