# SPDX-License-Identifier: Apache-2.0
"""A submission, and a wait for it in the triggerer that looks every second."""

from __future__ import annotations

from airflow.sdk import Asset, dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None, params={"bucket": "deferred-1250000000"}, default_args={"cos_conn_id": "cos_held"})
def cos_deferred() -> None:
    """The bucket is a parameter, so that each test counts the submissions of its own."""
    submit = COSInventoryOperator(task_id="submit", bucket="{{ params.bucket }}")
    COSInventorySensor(
        task_id="wait",
        job=submit.output,
        outlets=[Asset("cos://deferred-1250000000/")],
        deferrable=True,
        poke_interval=1,
    )


cos_deferred()
