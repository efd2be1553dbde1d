# SPDX-License-Identifier: Apache-2.0
"""A submission that is retried soon."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def cos_retried() -> None:
    COSInventoryOperator(
        task_id="submit", bucket="retriedbucket-1250000000", destination_bucket="inventorybucket-1250000000"
    )


cos_retried()
