# SPDX-License-Identifier: Apache-2.0
"""Which Airflow is tried on which Python, and what is left out of the tests there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""The Pythons that pyproject.toml names."""

LEFT_OUT: Mapping[str, str] = {
    "tests/airflow": "a deployment of four components, which takes minutes: make integration",
    "tests/docs": "the pages are about the newest Airflow: make test",
    "tests/matrix": "the rows themselves: make test",
    "tests/system": "servers of Debian: make system",
    "tests/test_million_objects.py": "a benchmark: make benchmark",
    "tests/test_soak.py": "a benchmark: make soak",
    "tests/test_table_benchmark.py": "a benchmark: make benchmark-table",
    "tests/test_waits_benchmark.py": "a benchmark: make benchmark-waits",
}
"""Tests that no row runs, and what runs them. Every other test runs on every row."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """
    A test that cannot hold on a release.

    :param test: its id
    :param why: what is different there
    :param pythons: on which it cannot hold
    """

    test: str
    why: str
    pythons: tuple[str, ...] = PYTHONS


@dataclass(frozen=True, kw_only=True)
class Release:
    """
    An Airflow, with all that it needs pinned in a file.

    :param name: of its file of pins, ``constraints/<name>.txt``
    :param title: what the table calls it
    :param requirements: what is pinned beside the package and its extras
    :param as_of: the last day, ISO 8601, whose packages may be taken: what a user had at the release's time; later
        ones break some releases
    :param pythons: that it runs on
    :param lowest: take the lowest version of all else that the package asks for directly
    :param left_out: tests that cannot hold on it
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    as_of: str
    pythons: tuple[str, ...] = PYTHONS
    lowest: bool = False
    left_out: tuple[LeftOut, ...] = ()

    @property
    def pins(self) -> Path:
        """The file of pins."""
        return ROOT / "constraints" / f"{self.name}.txt"


_EXAMPLES = LeftOut(
    test="tests/test_distribution.py::test_airflow_lists_the_examples_by_itself",
    why="Airflow lists the examples of other packages from 3.3 on",
)

RELEASES = (
    Release(
        name="airflow-3.1-lowest",
        title="3.1.8, with the lowest version of every other dependency",
        requirements=("apache-airflow==3.1.8",),
        as_of="2026-05-01",
        pythons=("3.10", "3.11"),
        lowest=True,
        left_out=(_EXAMPLES,),
    ),
    Release(
        name="airflow-3.1",
        title="3.1.8",
        requirements=("apache-airflow==3.1.8",),
        as_of="2026-05-01",
        left_out=(_EXAMPLES,),
    ),
    Release(
        name="airflow-3.2",
        title="3.2.2",
        requirements=("apache-airflow==3.2.2",),
        as_of="2026-06-10",
        left_out=(_EXAMPLES,),
    ),
    Release(
        name="airflow-3.3",
        title="3.3.2",
        requirements=("apache-airflow==3.3.2",),
        as_of="2026-11-26",
    ),
    Release(
        name="airflow-3.4",
        title="3.4.0b2",
        # Of a pre-release each part must be named, or none is taken.
        requirements=("apache-airflow==3.4.0b2", "apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk==1.4.0b2"),
        as_of="2026-11-26",
        pythons=PYTHONS[1:],
    ),
)
