"""What all tests share. Airflow reads its settings when it is imported: they are set before that."""

import os
import tempfile
from pathlib import Path

import pytest

HOME = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parent / "dags")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

pytest_plugins = ["airflow_provider_cosinv.emulator.pytest_plugin"]


@pytest.fixture(scope="session", autouse=True)
def metadata_database():
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def cos(cos_emulator, monkeypatch):
    """A bucket of three logs, one for reports, and the connection that the DAG uses."""
    cos_emulator.create_bucket("examplebucket-1250000000")
    cos_emulator.create_bucket("inventorybucket-1250000000")
    for day in ("01", "02", "03"):
        cos_emulator.put_object("examplebucket-1250000000", f"logs/2026-11-{day}.gz", b"12345")
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos_emulator.connection_json)
    return cos_emulator
