# SPDX-License-Identifier: Apache-2.0
"""Three tasks, the second of which is deferred for some seconds."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import dag, task


@dag(schedule=None, params={"seconds": 2})
def trio() -> None:
    """Submit, wait in the triggerer, summarise."""

    @task
    def submit(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"seconds": (params or {})["seconds"]}

    wait = DateTimeSensorAsync(
        task_id="wait",
        target_time="{{ (macros.datetime.now(macros.dateutil.tz.UTC)"
        " + macros.timedelta(seconds=params.seconds)).isoformat() }}",
    )

    @task
    def summarise() -> list[dict[str, int]]:
        return [{"answer": 42}]

    submit() >> wait >> summarise()


trio()
