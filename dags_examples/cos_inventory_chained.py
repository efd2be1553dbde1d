# SPDX-License-Identifier: Apache-2.0
"""
A report as an Asset: one DAG takes the inventory, another runs when it is there and reads it in parallel.

The event of the Asset says which report it is. ``batches`` cuts its data files into parts of about equal bytes,
``count`` is mapped over them, ``total`` checks the sum against the manifest.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import Asset, dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

BUCKET = "examplebucket-1250000000"
DESTINATION_BUCKET = "inventorybucket-1250000000"
DESTINATION_PREFIX = "cos_bucket_inventory"
# A full name is name-APPID.
REPORT = Asset(f"cos://{DESTINATION_BUCKET}/{DESTINATION_PREFIX}/{BUCKET.rpartition('-')[0]}")


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 2},
    tags=["cos", "inventory"],
    doc_md=__doc__,
)
def cos_inventory_producer() -> None:
    submit = COSInventoryOperator(
        task_id="submit",
        bucket=BUCKET,
        destination_bucket=DESTINATION_BUCKET,
        destination_prefix=DESTINATION_PREFIX,
        optional_fields=["Size"],
    )
    COSInventorySensor(
        task_id="wait",
        job=submit.output,
        outlets=[REPORT],
        deferrable=True,
        poke_interval=5,  # seconds; a poll is a small request or two. 60 is plenty for a large bucket
        timeout=12 * 60 * 60,
    )


@dag(schedule=[REPORT], catchup=False, default_args={"retries": 2}, tags=["cos", "inventory"], doc_md=__doc__)
def cos_inventory_consumer() -> None:
    @task
    def read_manifest(triggering_asset_events: Any = None) -> dict[str, Any]:
        """Return the manifest of the newest report that this run was started for."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        report = triggering_asset_events[REPORT][-1].extra
        manifest = COSInventoryHook(region=report["region"]).read_manifest(
            bucket=report["bucket"], manifest_key=report["manifest_key"], checksum=report["checksum"]
        )
        return manifest.as_dict()

    @task
    def batches(manifest: dict[str, Any]) -> list[list[Any]]:
        """Return the data files in at most eight parts; raise it to as many as you have workers."""
        from airflow_provider_cosinv.inventory import Manifest

        # A report without a file is one empty part: over no batch at all, Airflow would skip what follows.
        return [list(batch) for batch in Manifest.from_dict(manifest).batches(at_most=8)] or [[]]

    @task
    def count(manifest: dict[str, Any], batch: list[Any]) -> dict[str, int]:
        """Return the rows and bytes of one part."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        rows = size = 0
        for record in COSInventoryHook().iter_records(manifest, files=batch):
            rows += 1
            size += record.size or 0
        return {"rows": rows, "bytes": size}

    @task
    def total(manifest: dict[str, Any], parts: list[dict[str, int]]) -> dict[str, int]:
        """Return the sums, which must be what the manifest says."""
        rows = sum(part["rows"] for part in parts)
        if rows != manifest["matched_objects"]:
            raise ValueError(f"The parts have {rows} rows, the manifest says {manifest['matched_objects']}.")
        return {"rows": rows, "bytes": sum(part["bytes"] for part in parts)}

    manifest = read_manifest()
    parts = count.partial(manifest=manifest).expand(batch=batches(manifest))  # type: ignore[arg-type]
    total(manifest, parts)  # type: ignore[arg-type]  # Airflow passes what the tasks returned


cos_inventory_producer()
cos_inventory_consumer()
