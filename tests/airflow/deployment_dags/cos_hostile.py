# SPDX-License-Identifier: Apache-2.0
"""A DAG that a hostile bucket starts, and one that waits for the answers of a hostile gateway."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, AssetWatcher, dag

from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger

BUCKET = "hostile-1250000000"
watcher = COSInventoryEventTrigger(
    bucket=BUCKET, inventory_id="daily", watermark="hostile", cos_conn_id="cos_held", poke_interval=1
)


@dag(schedule=[Asset(f"cos://{BUCKET}/daily", watchers=[AssetWatcher(name="hostile", trigger=watcher)])])
def cos_hostile() -> None:
    """One run for each report that is announced."""
    EmptyOperator(task_id="seen")


@dag(schedule=None)
def cos_hostile_gateway() -> None:
    """The test makes the connection."""
    COSInventorySensor(
        task_id="wait",
        bucket=BUCKET,
        inventory_id="daily",
        cos_conn_id="cos_hostile",
        deferrable=True,
        poke_interval=1,
    )


cos_hostile()
cos_hostile_gateway()
