# SPDX-License-Identifier: Apache-2.0
"""Four submissions, one for each place where a test kills the worker."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator

log = logging.getLogger(__name__)


def hang_once(context: Any, result: Any) -> None:
    """Keep the first attempt from ending after its work is done."""
    if context["ti"].try_number == 1:
        log.info("Hanging with job %s", result["job_id"])
        time.sleep(600)


@dag(
    schedule=None,
    params={"kill": "task"},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1), "cos_conn_id": "cos_held"},
)
def cos_killed() -> None:
    """Each task has a source bucket of its own, so that its submissions can be counted."""
    COSInventoryOperator(task_id="before", bucket="{{ params.kill }}-before-1250000000")
    COSInventoryOperator(task_id="accepted", bucket="{{ params.kill }}-accepted-1250000000")
    COSInventoryOperator(task_id="answered", bucket="{{ params.kill }}-answered-1250000000", post_execute=hang_once)
    COSInventoryOperator(
        task_id="waiting",
        bucket="{{ params.kill }}-waiting-1250000000",
        wait_for_completion=True,
        deferrable=False,
        poll_interval=0.5,
    )


cos_killed()
