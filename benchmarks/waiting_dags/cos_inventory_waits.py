# SPDX-License-Identifier: Apache-2.0
"""As many sensors as the environment says; ``benchmarks.waiting.airflow_triggerer`` defers them without a worker."""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None)
def cos_inventory_waits() -> None:
    # Mapped: Airflow's triggerer reads the whole DAG for each task of it.
    COSInventorySensor.partial(task_id="wait", bucket="examplebucket-1250000000", deferrable=True).expand(
        inventory_id=[f"x{number}" for number in range(int(os.environ["COSINV_WAITS"]))]
    )


cos_inventory_waits()
