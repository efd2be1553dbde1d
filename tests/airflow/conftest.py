# SPDX-License-Identifier: Apache-2.0
"""One real Airflow for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from tests.airflow.deployment import AirflowDeployment

HERE = Path(__file__).parent
SECRET_KEY = "a-secret-key-that-nobody-may-print"


@pytest.fixture(scope="session")
def airflow_dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGs folder with the examples and the DAGs of these tests."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "examples").symlink_to(HERE.parents[1] / "dags_examples")
    (folder / "tests").symlink_to(HERE / "deployment_dags")
    return folder


@pytest.fixture(scope="session")
def airflow_cos() -> Iterator[COSEmulator]:
    """A local COS for the DAGs, with reports late enough for each wait to be deferred."""
    settings = EmulatorSettings(delivery=Delivery(polls=2), rows_per_file=3, post_rate=0)
    with COSEmulator(settings=settings, secret_key=SECRET_KEY) as emulator:
        emulator.create_bucket("examplebucket-1250000000")
        emulator.create_bucket("inventorybucket-1250000000")
        for number in range(10):
            emulator.put_object("examplebucket-1250000000", f"logs/{number}.txt", b"x" * number)
        emulator.put_object("examplebucket-1250000000", "图片/一.jpg", b"x" * 100, storage_class="STANDARD_IA")
        yield emulator


@pytest.fixture(scope="session")
def airflow_environment(airflow_cos: COSEmulator) -> dict[str, str]:
    """More environment variables of Airflow's components."""
    return {
        "AIRFLOW_CONN_COS_DEFAULT": airflow_cos.connection_json,
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    }


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, airflow_dags_folder: Path, airflow_environment: dict[str, str]
) -> Iterator[AirflowDeployment]:
    """A running Airflow; a test fails if it cannot be started."""
    with AirflowDeployment(
        home=tmp_path_factory.mktemp("airflow"),
        dags_folder=airflow_dags_folder,
        environment=airflow_environment,
    ) as deployment:
        yield deployment
