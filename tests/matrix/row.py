# SPDX-License-Identifier: Apache-2.0
"""One Airflow on one Python: an environment of its own, the examples, the unit tests."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.pins import UV
from tests.matrix.pythons import find_python
from tests.matrix.releases import LEFT_OUT, ROOT, Release

FOLDER = ROOT / ".matrix"

# In random order; the seed stands at the top of the log.
_PYTEST = (
    "-p", "no:cacheprovider", "-p", "randomly", "-n", "2", "--dist", "loadfile", "--durations=20", "--durations-min=1",
)  # fmt: skip
_ALL = ("--hypothesis-profile=thorough",)
_QUICK = ("-m", "not integration")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What became of a row.

    :param word: ``passed``, ``failed`` or ``not run``
    :param reason: of the last two, in one line
    :param log: what its commands printed
    """

    word: str
    reason: str = ""
    log: Path | None = None

    def end_of_log(self, lines: int = 40) -> str:
        """Return the last lines that its commands printed."""
        if self.log is None:
            return ""
        with self.log.open(errors="replace") as text:
            return "".join(deque(text, maxlen=lines))


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    A row.

    :param release: an Airflow
    :param python: such as ``3.11``
    :param is_quick: run only the tests of ``make test``, with its few examples of Hypothesis
    """

    release: Release
    python: str
    is_quick: bool = False

    @property
    def name(self) -> str:
        """For folders and people, such as ``airflow-3.1-python-3.11``."""
        return f"{self.release.name}-python-{self.python}"

    def run(self) -> Outcome:
        """Make the environment anew and run all in it, up to the first failure."""
        environment = FOLDER / self.name
        log = FOLDER / f"{self.name}.log"
        FOLDER.mkdir(exist_ok=True)
        log.write_text("")
        # uv fetches a Python that is not here, where it can.
        found = str(find_python(self.python) or self.python)
        if not _call(log, UV, "venv", "--clear", "--python", found, str(environment)):
            return Outcome(word="not run", reason=f"no Python {self.python} here, and uv could not fetch one", log=log)
        python = str(environment / "bin" / "python")
        for step, command in self._steps(python).items():
            if not _call(log, *command):
                return Outcome(word="failed", reason=step, log=log)
        return Outcome(word="passed", log=log)

    def _steps(self, python: str) -> dict[str, tuple[str, ...]]:
        pip = (UV, "pip", "install", "--python", python, "--constraint", str(self.release.pins))
        ignored = [f"--ignore={path}" for path in LEFT_OUT]
        deselected = [f"--deselect={one.test}" for one in self.release.left_out if self.python in one.pythons]
        chosen = _QUICK if self.is_quick else _ALL
        return {
            "the package and its pins do not fit together": (*pip, "--editable", ".[cam,dev,table]"),
            "an example": (python, "-m", "tests.matrix.example"),
            "unit tests": (python, "-m", "pytest", *_PYTEST, *chosen, *ignored, *deselected),
        }


def _call(log: Path, *command: str) -> bool:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    with log.open("a") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        # Ctrl-C reaches the command, too: it is of the same process group.
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    return ended.returncode == 0
