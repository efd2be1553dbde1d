# SPDX-License-Identifier: Apache-2.0
"""What the matrix says and what its files of pins hold; it runs itself in make matrix."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.matrix import __main__ as command
from tests.matrix import row as rows
from tests.matrix.pins import direct_dependencies, pinned
from tests.matrix.pythons import find_python
from tests.matrix.releases import LEFT_OUT, PYTHONS, RELEASES, ROOT, LeftOut, Release
from tests.matrix.row import Outcome, Row
from tests.matrix.table import as_markdown

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
LOWEST = RELEASES[0]
EACH = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)


def test_the_readme_shows_a_table_that_the_matrix_printed():
    """Of rows that passed, or were not asked for."""
    assert as_markdown(RELEASES, {}) in (ROOT / "README.md").read_text().replace("passed", "not asked for")


@EACH
def test_its_airflow_is_the_one_that_is_pinned(release):
    assert pinned(release)["apache-airflow"] == {release.title.split(",")[0]}


@EACH
def test_all_that_the_package_and_its_tests_need_is_pinned(release):
    assert direct_dependencies("cam", "dev", "table") <= pinned(release).keys()


@EACH
def test_the_pins_name_no_index(release):
    assert not re.search(r"^-|://", release.pins.read_text(), re.MULTILINE)


def test_the_lowest_versions_are_the_floors_of_the_package():
    found = [Requirement(line) for line in requires("airflow-provider-cosinv")]
    floors = {
        canonicalize_name(one.name): specifier.version
        for one in found
        for specifier in one.specifier
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("cam", "table"))
    }
    # Tests start triggers themselves, which in 3.1.0 no process but a triggerer can.
    assert floors.pop("apache-airflow") == "3.1"
    for name, floor in floors.items():
        (lowest,) = pinned(LOWEST)[name]
        assert re.sub(r"(\.0)+$", "", lowest) == floor, name


def test_the_pythons_are_those_that_the_package_names():
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert tuple(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', pyproject)) == PYTHONS
    assert f'requires-python = ">={PYTHONS[0]}"' in pyproject


def test_what_is_left_out_exists():
    for path in [*LEFT_OUT, *(one.test.split("::")[0] for release in RELEASES for one in release.left_out)]:
        assert (ROOT / path).exists(), path


def test_the_table_says_why_a_row_failed_or_did_not_run_and_what_was_left_out():
    release = Release(
        name="airflow-9.9",
        title="9.9.1",
        requirements=(),
        as_of="2026-01-01",
        pythons=("3.10", "3.12", "3.13"),
        left_out=(LeftOut(test="tests/test_readme.py::test_the_first_dag_runs", why="no DAGs", pythons=("3.12",)),),
    )
    outcomes = {
        Row(release=release, python="3.12"): Outcome(word="failed", reason="unit tests"),
        Row(release=release, python="3.13"): Outcome(word="not run", reason="no Python 3.13 here"),
    }
    assert as_markdown([release], outcomes).splitlines()[2:] == [
        "| 9.9.1 | not asked for | – | failed | not run |",
        "",
        "- Airflow 9.9.1, Python 3.12, failed: unit tests.",
        "- Airflow 9.9.1, Python 3.13, not run: no Python 3.13 here.",
        "- Without `tests/test_readme.py::test_the_first_dag_runs` on Airflow 9.9.1 (Python 3.12): no DAGs.",
    ]


def test_a_python_that_is_nowhere_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "FOLDER", tmp_path)
    outcome = Row(release=LOWEST, python="3.99").run()
    assert (outcome.word, outcome.reason) == ("not run", "no Python 3.99 here, and uv could not fetch one")
    assert "3.99" in outcome.end_of_log()


def test_pins_that_do_not_fit_the_package_fail_the_row_and_the_end_of_its_output_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "FOLDER", tmp_path)
    release = Release(
        name=os.path.relpath(tmp_path / "pins", ROOT / "constraints"), title="", requirements=(), as_of=""
    )
    release.pins.write_text("tenacity==1.0\n")
    monkeypatch.setattr(Row, "name", "row")
    outcome = Row(release=release, python=RUNNING).run()
    assert (outcome.word, outcome.reason) == ("failed", "the package and its pins do not fit together")
    assert "tenacity" in outcome.end_of_log()


def test_a_python_of_path_is_found():
    assert find_python(RUNNING) is not None


def test_a_command_that_refuses_to_run_is_passed_over_for_the_one_that_pyenv_keeps(tmp_path, monkeypatch):
    refusing = tmp_path / "shims" / f"python{RUNNING}"
    kept = tmp_path / "versions" / f"{RUNNING}.1" / "bin" / f"python{RUNNING}"
    for path in (refusing, kept):
        path.parent.mkdir(parents=True)
    refusing.write_text("#!/bin/sh\nexit 127\n")
    refusing.chmod(0o755)
    kept.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(refusing.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python(RUNNING) == kept


def test_no_row_is_an_error_that_names_those_there_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["matrix", "--only", "2.11"])
    with pytest.raises(SystemExit) as raised:
        command.main()
    assert raised.value.code == 2
    assert "airflow-3.1-lowest, airflow-3.1, airflow-3.2" in capsys.readouterr().err


def test_the_exit_code_tells_that_a_row_failed_and_its_end_is_shown(monkeypatch, capsys, tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    monkeypatch.setattr(Row, "run", lambda _: Outcome(word="failed", reason="unit tests", log=log))
    monkeypatch.setattr(sys, "argv", ["matrix", "--only", "lowest"])
    with pytest.raises(SystemExit) as raised:
        command.main()
    assert raised.value.code == 1
    said = capsys.readouterr().out
    assert "line 59\n" not in said
    assert "line 60\n" in said
    assert f"All of its output: {log}" in said
