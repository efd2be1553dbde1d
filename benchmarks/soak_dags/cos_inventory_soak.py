# SPDX-License-Identifier: Apache-2.0
"""What ``python -m benchmarks.soak`` runs: an inventory of each of many buckets, submitted, waited for and read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(
    schedule=None,
    params={"buckets": [], "destination_bucket": ""},
    max_active_tasks=64,
    # The soak kills a task thrice at most. The other retries are for faults that outlast the client's own tries,
    # and for a deferred task that Airflow resumes and fails at the same moment (apache/airflow#66374).
    default_args={"retries": 10, "retry_delay": timedelta(seconds=1)},
)
def cos_inventory_soak() -> None:
    @task
    def buckets(params: Any = None) -> list[str]:
        """Return the buckets; the map index of all that follows is the place in this list."""
        return list(params["buckets"])

    submit = COSInventoryOperator.partial(
        task_id="submit",
        destination_bucket="{{ params.destination_bucket }}",
        destination_prefix="soak",
        optional_fields=["Size", "ETag", "StorageClass"],
    ).expand(bucket=buckets())
    wait = COSInventorySensor.partial(task_id="wait", deferrable=True, poke_interval=2, timeout=60 * 60).expand(
        job=submit.output
    )

    @task
    def read(manifest: dict[str, Any]) -> list[list[Any]]:
        """Return every row of a report."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        records = COSInventoryHook().iter_records(manifest)
        return [[record.key, record.size, record.etag, record.storage_class] for record in records]

    read.expand(manifest=wait.output)


cos_inventory_soak()
