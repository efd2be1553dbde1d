# SPDX-License-Identifier: Apache-2.0
"""A deployment as people run it: CeleryExecutor, two workers, Redis, PostgreSQL; and a local COS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from tests.airflow.deployment import AirflowDeployment
from tests.airflow.wait import wait_until
from tests.system.postgres import PostgresServer
from tests.system.redis import RedisServer

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
WORKERS = ("worker-1", "worker-2")
SLOTS = 2
"""Tasks that a worker runs at once."""

ROWS_PER_FILE = 25


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A running Redis; a test fails if there is none on this machine."""
    with RedisServer(folder=tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def celery_cos() -> Iterator[COSEmulator]:
    """A local COS whose reports have many files."""
    settings = EmulatorSettings(delivery=Delivery(polls=2), rows_per_file=ROWS_PER_FILE, post_rate=0)
    with COSEmulator(settings=settings) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def celery_airflow(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer, postgres: PostgresServer, celery_cos: COSEmulator
) -> Iterator[AirflowDeployment]:
    """A running Airflow whose tasks run on two Celery workers; a test fails if it cannot be started."""
    database_url = postgres.create_database("airflow")
    with AirflowDeployment(
        home=tmp_path_factory.mktemp("airflow"),
        dags_folder=EXAMPLES,
        environment={
            "AIRFLOW_CONN_COS_DEFAULT": celery_cos.connection_json,
            # Nothing but the runs that tests start: no weekly run beside them.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__CELERY__BROKER_URL": redis.url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database_url}",
            # Seconds, Airflow's default.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
            # Seconds. On a machine with much else to do, a task is handed to Redis in more than the usual one.
            "AIRFLOW__CELERY__OPERATION_TIMEOUT": "10",
            # A task whose worker is dead is given up after so many seconds without a heartbeat, and tried again ...
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            # ... and one that the dead had fetched from Redis but not begun, after so many in the queue.
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "90",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
        },
        executor="CeleryExecutor",
        parallelism=len(WORKERS) * SLOTS,
        database_url=database_url,
        workers={name: worker_command(name) for name in WORKERS},
    ) as deployment:
        for name in WORKERS:
            wait_until_ready(deployment, name)
        yield deployment


def worker_command(name: str) -> tuple[str, ...]:
    """The command line of a Celery worker, which serves no logs: that would be on all interfaces."""
    options = ("--celery-hostname", name, "--concurrency", str(SLOTS), "--skip-serve-logs", "--without-mingle")
    return ("celery", "worker", *options)


def wait_until_ready(deployment: AirflowDeployment, name: str) -> None:
    """Wait until a Celery worker takes tasks."""

    def is_ready() -> bool:
        deployment.processes.check()
        return " ready." in deployment.processes.log_path(name).read_text(errors="replace")

    wait_until(is_ready, what=f"{name} takes tasks")
