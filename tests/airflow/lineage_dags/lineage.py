# SPDX-License-Identifier: Apache-2.0
"""Every task that reads or writes a report."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

OUT = "cos://inventorybucket-1250000000"


@dag(schedule=None)
def lineage() -> None:
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="inv",
    )
    wait = COSInventorySensor(task_id="wait", job=submit.output, poke_interval=1, timeout=60)
    convert = COSInventoryToParquetOperator(task_id="convert", manifest=wait.output, destination=f"{OUT}/parts/")
    sql = "SELECT Key FROM inventory"
    COSInventoryQueryOperator(task_id="ask", parts=convert.output, sql=sql, destination=f"{OUT}/out/keys.csv")
    COSInventoryQueryOperator(task_id="count", parts=convert.output, sql="SELECT count(*) AS n FROM inventory")
    COSInventoryDiffOperator(
        task_id="diff", previous=convert.output, current=wait.output, destination=f"{OUT}/out/diff.csv"
    )
    select = COSInventorySelectionOperator(
        task_id="select", manifest=wait.output, where="Size < 10", inventory_id="small", destination_prefix="chosen"
    )

    @task
    def loop(manifest: dict[str, Any]) -> int:
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        return sum(1 for _ in COSInventoryHook().iter_records(manifest))

    # In dag.test() all tasks share a process, in which what hooks read adds up: first, what reads by a hook alone.
    loop(wait.output) >> [convert, select]  # type: ignore[arg-type]  # Airflow passes what the task returned


lineage()
