# SPDX-License-Identifier: Apache-2.0
"""As many sensors as the environment says; ``benchmarks.waiting.airflow_triggerer`` defers them without a worker."""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None)
def cos_inventory_waits() -> None:
    for number in range(int(os.environ["COSINV_WAITS"])):
        COSInventorySensor(
            task_id=f"wait_{number}", bucket="examplebucket-1250000000", inventory_id=f"x{number}", deferrable=True
        )


cos_inventory_waits()
