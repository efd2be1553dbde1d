# SPDX-License-Identifier: Apache-2.0
"""The project of ``docs/testing.md`` runs as it stands, in an Airflow of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from airflow_provider_cosinv.emulator import control
from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from tests.docs.blocks import ROOT, SNIPPETS

PROJECT = SNIPPETS / "testing"


@pytest.mark.integration
@pytest.mark.timeout(600)  # an Airflow of its own, five runs of a DAG and more
def test_the_project_passes(tmp_path):
    shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    tests = sum(len(re.findall(r"^def test_", path.read_text(), re.MULTILINE)) for path in PROJECT.glob("test_*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "project",
        env={name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert f"{tests} passed" in done.stdout


def test_what_the_page_names_is_there():
    page = (ROOT / "docs" / "testing.md").read_text()
    for name in re.findall(r"`cos\.(\w+)\(", page):
        assert hasattr(COSEmulator, name), name
    for name in ("report_timezone", "check_destination"):
        assert f"`{name}`" in page
        assert name in EmulatorSettings.__dataclass_fields__


def test_the_paths_of_the_reference_are_those_of_the_emulator():
    page = (ROOT / "docs" / "reference" / "emulator.md").read_text()
    documented = re.findall(r"^\| `([A-Z, ]+) (/_emulator/\S+)` ", page, re.MULTILINE)
    routes = {
        (re.sub(r":\w+", "", route.path).replace("{job_id}", "JOB_ID"), method)
        for route in control.control_app(None).routes
        for method in route.methods - {"HEAD"}
    }
    assert {(path, method) for methods, path in documented for method in methods.split(", ")} == routes
