# SPDX-License-Identifier: Apache-2.0
"""Resolves the files of pins, and reads them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.matrix.releases import ROOT, Release

UV = str(Path(sys.executable).with_name("uv"))


def resolve(release: Release) -> None:
    """
    Write the file of pins of a release, for every Python that it runs on.

    :raises subprocess.CalledProcessError: where no versions fit together; uv has said which
    """
    requirements = list(release.requirements)
    if release.lowest:
        # The lowest of what users install; the tests' own tools are none of their business.
        lowest = _compile(release, extras=["cam", "table"], requirements=requirements, resolution="lowest-direct")
        asked_for = direct_dependencies("cam", "table")
        requirements += [line for line in lowest.splitlines() if _name(line) in asked_for]
    pins = _compile(release, extras=["cam", "dev", "table"], requirements=requirements, resolution="highest")
    head = f"# Airflow {release.title}, as of {release.as_of}. Written by: make constraints\n"
    release.pins.write_text(head + pins)


def direct_dependencies(*extras: str) -> set[str]:
    """Return the names of what the package and some of its extras ask for."""
    found = map(Requirement, requires("airflow-provider-cosinv") or ())
    return {
        canonicalize_name(one.name)
        for one in found
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    }


def pinned(release: Release) -> dict[str, set[str]]:
    """Return the versions of each package in the file of pins: more than one where Pythons differ."""
    versions: dict[str, set[str]] = {}
    for line in release.pins.read_text().splitlines():
        if not line.startswith("#"):
            versions.setdefault(_name(line), set()).add(str(Requirement(line).specifier).removeprefix("=="))
    return versions


def _name(line: str) -> str:
    return canonicalize_name(Requirement(line).name)


def _compile(release: Release, *, extras: list[str], requirements: list[str], resolution: str) -> str:
    options = ["--universal", "--python-version", release.pythons[0], "--exclude-newer", release.as_of]
    options += [f"--extra={extra}" for extra in extras]
    command = [UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--resolution", resolution, *options]
    return subprocess.run(
        [*command, "pyproject.toml", "-"],
        cwd=ROOT,
        input="\n".join(requirements),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
