# SPDX-License-Identifier: Apache-2.0
"""What a user installs."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import airflow_provider_cosinv

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[1]
# Every example calls the function of its DAG in the first column.
DAG_IDS = re.compile(r"^(cos_\w+)\(\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_the_wheel_carries_the_examples_where_airflow_looks_for_them(wheel):
    for path in (ROOT / "dags_examples").glob("*.py"):
        assert wheel.read(f"airflow_provider_cosinv/example_dags/{path.name}") == path.read_bytes()


def test_the_wheel_carries_the_whole_package_and_nothing_else(wheel):
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "airflow_provider_cosinv").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".mypy_cache" not in path.parts
    }
    found = {name for name in wheel.namelist() if ".dist-info/" not in name and "/example_dags/" not in name}
    assert found == expected
    assert "airflow_provider_cosinv/py.typed" in found


def test_the_metadata_is_a_providers(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "airflow-provider-cosinv"
    assert metadata["Version"] == airflow_provider_cosinv.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Framework :: Apache Airflow :: Provider" in metadata.get_all("Classifier", [])
    required = {line.split(";")[0].split(">")[0].strip() for line in metadata.get_all("Requires-Dist", [])}
    assert {"apache-airflow", "cos-python-sdk-v5", "tenacity", "aiohttp"} <= required


def test_the_entry_point_is_airflows(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert b"[apache_airflow_provider]" in wheel.read(name)


def test_airflow_lists_the_examples_by_itself(wheel, tmp_path):
    wheel.extractall(tmp_path / "installed")
    script = (
        "from airflow.dag_processing.bundles.manager import DagBundlesManager\n"
        "try:\n    from airflow.dag_processing.dagbag import DagBag\n"
        "except ModuleNotFoundError:  # before Airflow 3.2\n    from airflow.models.dagbag import DagBag\n"
        "for bundle in DagBundlesManager().get_all_dag_bundles():\n"
        "    if 'cosinv' in bundle.name or 'airflow_provider_cosinv' in str(bundle.path):\n"
        "        bag = DagBag(bundle.path)\n"
        "        print('FOUND', *bag.dags, *bag.import_errors)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path / "installed"),
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
        },
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    ids = set(line.split()[1:])
    expected = {
        dag_id for path in (ROOT / "dags_examples").glob("*.py") for dag_id in DAG_IDS.findall(path.read_text())
    }
    assert ids == expected
