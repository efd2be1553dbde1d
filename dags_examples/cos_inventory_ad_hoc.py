# SPDX-License-Identifier: Apache-2.0
"""
One inventory when you need it: fill in the form, or trigger it by CLI or REST.

::

    airflow dags trigger cos_inventory_ad_hoc --conf '{"bucket": "logs-1250000000", "prefix": "2026/"}'

The task ``inventory`` submits and waits in one; ``largest`` returns the largest objects.
"""

from __future__ import annotations

import heapq
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator

_FULL_NAME = "^[a-z0-9][a-z0-9-]*-[0-9]+$"


@dag(
    schedule=None,
    default_args={"retries": 1},
    params={
        "bucket": Param(
            "examplebucket-1250000000",
            type="string",
            pattern=_FULL_NAME,
            title="Bucket to list",
            description="name-APPID",
        ),
        "destination_bucket": Param(
            "inventorybucket-1250000000",
            type="string",
            pattern=_FULL_NAME,
            title="Bucket for the report",
            description="name-APPID, in the same region",
        ),
        "prefix": Param("", type="string", title="Prefix", description="List only keys that begin with it."),
        "versions": Param(
            "Current",
            enum=["Current", "All"],
            title="Object versions",
            description="Current, or All: every version and delete marker (a larger report).",
        ),
        "fields": Param(
            ["Size", "LastModifiedDate", "StorageClass"],
            type="array",
            items={"type": "string"},
            examples=list(STANDARD_FIELDS),
            title="Columns",
            description="Beside Appid, Bucket and Key. The example needs Size.",
        ),
    },
    tags=["cos", "inventory"],
    doc_md=__doc__,
)
def cos_inventory_ad_hoc() -> None:
    inventory = COSInventoryOperator(
        task_id="inventory",
        bucket="{{ params.bucket }}",
        destination_bucket="{{ params.destination_bucket }}",
        destination_prefix="cos_bucket_inventory/ad_hoc",
        prefix="{{ params.prefix }}",
        included_object_versions="{{ params.versions }}",
        optional_fields="{{ params.fields | tojson }}",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,  # seconds; a poll is a small request or two. 60 is plenty for a large bucket
    )

    @task
    def largest(job: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the ten largest objects."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        records = COSInventoryHook().iter_records(job["manifest"])
        top = heapq.nlargest(10, records, key=lambda record: record.size or 0)
        return [{"key": record.key, "bytes": record.size} for record in top]

    largest(inventory.output)  # type: ignore[arg-type]  # Airflow passes what the task returned


cos_inventory_ad_hoc()
