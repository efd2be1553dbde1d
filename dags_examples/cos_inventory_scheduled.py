# SPDX-License-Identifier: Apache-2.0
"""
What is in the bucket, every day, by storage class and top-level prefix.

``submit`` orders a one-time inventory, ``wait`` holds no worker while COS writes it, ``summarise`` reads its rows.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Retries are safe: a retry of submit attaches to the inventory that is already under way.
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "bucket": Param("examplebucket-1250000000", type="string", description="The bucket to list, name-APPID."),
        "destination_bucket": Param(
            "inventorybucket-1250000000", type="string", description="The bucket for the report, in the same region."
        ),
    },
    tags=["cos", "inventory"],
    doc_md=__doc__,
)
def cos_inventory_scheduled() -> None:
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="{{ params.bucket }}",
        destination_bucket="{{ params.destination_bucket }}",
        destination_prefix="cos_bucket_inventory",
        optional_fields=["Size", "StorageClass"],
    )

    wait = COSInventorySensor(
        task_id="wait",
        job=submit.output,
        deferrable=True,
        poke_interval=5,  # seconds; a poll is a small request or two. 60 is plenty for a large bucket
        timeout=12 * 60 * 60,
    )

    @task
    def summarise(manifest: dict[str, Any]) -> list[dict[str, Any]]:
        """Return objects and bytes by storage class and top-level prefix, largest first."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        objects: Counter[tuple[str, str]] = Counter()
        size: Counter[tuple[str, str]] = Counter()
        for record in COSInventoryHook().iter_records(manifest):
            prefix = record.key.split("/", 1)[0] + "/" if "/" in record.key else "(top level)"
            group = (record.storage_class or "", prefix)
            objects[group] += 1
            size[group] += record.size or 0
        return [
            {"storage_class": group[0], "prefix": group[1], "objects": objects[group], "bytes": size[group]}
            for group in sorted(objects, key=lambda group: (-size[group], group))
        ]

    summarise(wait.output)  # type: ignore[arg-type]  # Airflow passes what the task returned


cos_inventory_scheduled()
