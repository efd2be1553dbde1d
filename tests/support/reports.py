# SPDX-License-Identifier: Apache-2.0
"""Reports that the emulator takes, as a DAG would ask for them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import uuid4

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context, run_task


def take_report(**parameters: Any) -> dict[str, Any]:
    """Submit an inventory of the source bucket, in a DAG run of its own, and return its manifest once it is there."""
    operator = COSInventoryOperator(
        **{
            "task_id": "submit",
            "bucket": SOURCE,
            "destination_bucket": DESTINATION,
            "destination_prefix": "inv",
            "wait_for_completion": True,
            "poll_interval": 0.01,
            **parameters,
        }
    )
    context = make_context(ti=TaskInstance(run_id=f"manual__{uuid4()}"))
    manifest: dict[str, Any] = run_task(lambda: deepcopy(operator), context).result["manifest"]
    return manifest


def run(operator: Any) -> Any:
    """Run a task as one attempt of Airflow does, on a worker of its own; return its result."""
    return run_task(lambda: deepcopy(operator), make_context()).result
