# SPDX-License-Identifier: Apache-2.0
"""A task that fails, and one that runs for long."""

from __future__ import annotations

import time

from airflow.sdk import dag, task


@dag(schedule=None)
def fails() -> None:
    """Raise an error with a known text."""

    @task
    def explode() -> None:
        raise ValueError("the reactor is on fire")

    explode()


@dag(schedule=None)
def sleeps() -> None:
    """Sleep for ten minutes."""

    @task
    def snore() -> None:
        time.sleep(600)

    snore()


fails()
sleeps()
