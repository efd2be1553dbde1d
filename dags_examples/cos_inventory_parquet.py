# SPDX-License-Identifier: Apache-2.0
"""
A report of any size, read by as many workers as there are: to Parquet first, then SQL over all of it.

``batches`` cuts the report's data files into parts of about equal bytes. ``convert`` is mapped over them: each of its
tasks verifies its files and writes one Parquet file beside the report. ``by_prefix`` asks all of them at once.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # A retry of convert writes its own part again, and nothing else.
    default_args={"retries": 2},
    tags=["cos", "inventory"],
    doc_md=__doc__,
)
def cos_inventory_parquet() -> None:
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="cos_bucket_inventory",
        optional_fields=["Size", "StorageClass", "LastModifiedDate"],
    )

    wait = COSInventorySensor(
        task_id="wait",
        job=submit.output,
        deferrable=True,
        poke_interval=5,  # seconds; a poll is a small request or two. 60 is plenty for a large bucket
        timeout=12 * 60 * 60,
    )

    @task
    def batches(manifest: dict[str, Any]) -> list[list[Any]]:
        """Return the data files in at most ten parts; raise it to as many tasks as your workers run at once."""
        from airflow_provider_cosinv.inventory import Manifest

        # A report without a file is one empty part: over no batch at all, Airflow would skip what follows.
        return [list(batch) for batch in Manifest.from_dict(manifest).batches(at_most=10)] or [[]]

    convert = COSInventoryToParquetOperator.partial(task_id="convert", manifest=wait.output).expand(
        batch=batches(wait.output)  # type: ignore[arg-type]  # Airflow passes what the task returned
    )

    COSInventoryQueryOperator(
        task_id="by_prefix",
        parts=convert.output,
        query="by_prefix",
        query_arguments={"depth": 1},
    )


cos_inventory_parquet()
