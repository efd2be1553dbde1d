# SPDX-License-Identifier: Apache-2.0
"""A report that becomes Parquet, with the temporary folder where a test looks for it."""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None, params={"bucket": "table-1250000000"}, default_args={"cos_conn_id": "cos_held"})
def cos_table() -> None:
    """The bucket is a parameter, so that each test holds back the data files of its own."""
    submit = COSInventoryOperator(task_id="submit", bucket="{{ params.bucket }}")
    wait = COSInventorySensor(task_id="wait", job=submit.output, deferrable=True, poke_interval=1)
    COSInventoryToParquetOperator(
        task_id="convert", manifest=wait.output, temp_directory=os.environ.get("AIRFLOW_HOME")
    )


cos_table()
