# SPDX-License-Identifier: Apache-2.0
"""
A DAG that runs whenever a periodic inventory delivers.

``cos_inventory_rule`` sets the periodic inventory up, once. ``cos_inventory_watched`` is scheduled on an Asset whose
watcher looks for its reports in the triggerer: each new one starts a run, also one that came while no triggerer ran.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_cosinv.operators.cos_inventory_rule import COSInventoryRuleOperator
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger

BUCKET = "examplebucket-1250000000"
DESTINATION_BUCKET = "inventorybucket-1250000000"
DESTINATION_PREFIX = "cos_bucket_inventory"
INVENTORY_ID = "daily"

# Reports lie below APPID and name of the bucket that is listed; its full name is name-APPID.
NAME, _, APPID = BUCKET.rpartition("-")
DAILY = Asset(
    f"cos://{DESTINATION_BUCKET}/{DESTINATION_PREFIX}/{APPID}/{NAME}/{INVENTORY_ID}",
    watchers=[
        AssetWatcher(
            name="cos_inventory_daily",
            trigger=COSInventoryEventTrigger(
                bucket=BUCKET,
                inventory_id=INVENTORY_ID,
                destination_bucket=DESTINATION_BUCKET,
                destination_prefix=DESTINATION_PREFIX,
                poke_interval=5,  # seconds; a poll is one small request. 300, the default, is plenty for a daily report
            ),
        )
    ],
)


@dag(schedule=None, default_args={"retries": 2}, tags=["cos", "inventory"], doc_md=__doc__)
def cos_inventory_rule() -> None:
    COSInventoryRuleOperator(
        task_id="rule",
        bucket=BUCKET,
        inventory_id=INVENTORY_ID,
        frequency="Daily",
        destination_bucket=DESTINATION_BUCKET,
        destination_prefix=DESTINATION_PREFIX,
        optional_fields=["Size"],
    )


@dag(schedule=[DAILY], catchup=False, default_args={"retries": 2}, tags=["cos", "inventory"], doc_md=__doc__)
def cos_inventory_watched() -> None:
    @task
    def sizes(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return objects and bytes of each report that this run was started for; those that come together share one."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        found = []
        for event in triggering_asset_events[DAILY]:
            report = event.extra["payload"]
            hook = COSInventoryHook(region=report["region"])
            manifest = hook.read_manifest(
                bucket=report["bucket"], manifest_key=report["manifest_key"], checksum=report["checksum"]
            )
            objects = size = 0
            for record in hook.iter_records(manifest):
                objects += 1
                size += record.size or 0
            found.append({"date": report["date"], "objects": objects, "bytes": size})
        return found

    sizes()


cos_inventory_rule()
cos_inventory_watched()
