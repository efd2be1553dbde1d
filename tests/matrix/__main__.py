# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.matrix``: every Airflow on every Python, one after the other; prints the table of the README."""

from __future__ import annotations

import argparse
import sys
import time

from tests.matrix.pins import resolve
from tests.matrix.releases import PYTHONS, RELEASES
from tests.matrix.row import Outcome, Row
from tests.matrix.table import as_markdown


def main() -> None:
    """Run what the command line says; the exit code is 1 if a row failed, or if none could be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="rows of the Airflows whose name has this in it, such as 3.1")
    parser.add_argument("--python", choices=PYTHONS, help="rows of this Python alone")
    parser.add_argument("--quick", action="store_true", help="only the tests of make test")
    parser.add_argument("--resolve", action="store_true", help="write the files of pins instead")
    arguments = parser.parse_args()
    releases = [release for release in RELEASES if (arguments.only or "") in release.name]
    if not releases:
        parser.error(f"no Airflow has {arguments.only!r} in its name: {', '.join(one.name for one in RELEASES)}")
    if arguments.resolve:
        for release in releases:
            resolve(release)
        return
    outcomes: dict[Row, Outcome] = {}
    for release in releases:
        for python in release.pythons:
            if arguments.python in {None, python}:
                row = Row(release=release, python=python, is_quick=arguments.quick)
                outcomes[row] = _run(row)
    say(as_markdown(releases, outcomes))
    words = {outcome.word for outcome in outcomes.values()}
    sys.exit("failed" in words or "passed" not in words)


def _run(row: Row) -> Outcome:
    began = time.monotonic()
    outcome = row.run()
    say(f"{row.name}: {outcome.word}, {time.monotonic() - began:.0f} s")
    if outcome.word == "failed":
        say(f"{outcome.end_of_log()}\nIt failed at: {outcome.reason}. All of its output: {outcome.log}\n")
    return outcome


def say(text: str) -> None:
    """Print at once, also into a file."""
    print(text, flush=True)  # noqa: T201  a command


if __name__ == "__main__":
    main()
