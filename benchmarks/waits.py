# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.waits``: what it costs to wait for many reports in one process.

Each way runs in a process of its own against the emulator, which is another process, over TLS on 127.0.0.1. The waits
begin as after a restart of the triggerer; when each has polled once, polls are measured. Then the process stands still
for longer than the interval, so that all polls are due at once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.waiting.airflow_triggerer import measure_triggerer
from benchmarks.waiting.case import Case, Outcome
from benchmarks.waiting.emulator import running_emulator
from benchmarks.waiting.figures import as_markdown, goals
from benchmarks.waiting.ways import WAYS

# A manifest of 100,000 data files.
MEGABYTES = 17


def measure(
    ways: Sequence[str], *, waits: int, interval: float, seconds: float, megabytes: int = MEGABYTES
) -> dict[str, Outcome]:
    """
    Measure, one way after the other.

    :param waits: in one process
    :param interval: seconds between two polls of a wait
    :param seconds: that are measured
    :param megabytes: MiB of each manifest that a watcher reads
    :raises RuntimeError: where a way fails
    """
    outcomes = {}
    with running_emulator() as emulator:
        for way in ways:
            case = Case(
                way=way,
                waits=waits,
                interval=interval,
                seconds=seconds,
                url=emulator["url"],
                connection=emulator["connection"],
                megabytes=megabytes,
            )
            print(f"Measuring {way}: {waits:,} waits, a poll every {interval:g} s.", file=sys.stderr, flush=True)
            outcomes[way] = _measure_apart(case)
    return outcomes


def _measure_apart(case: Case) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.waiting.child"],
        cwd=Path(__file__).parents[1],
        input=json.dumps(case.as_dict()),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300 + 10 * case.interval + case.seconds,
    )
    if done.returncode:
        raise RuntimeError(f"{case.way} failed.")
    return Outcome.from_dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waits", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between polls (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="that are measured (default: %(default)s)")
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument(
        "--sensors", type=int, default=2_000, help="deferred in a real triggerer; 0 is none (default: %(default)s)"
    )
    options = parser.parse_args()
    outcomes = measure(options.ways, waits=options.waits, interval=options.interval, seconds=options.seconds)
    if outcomes:
        print(f"{options.waits:,} waits, a poll every {options.interval:g} s each, {options.seconds:g} s measured.\n")
        print("\n".join([*as_markdown(outcomes), "", *goals(outcomes, waits=options.waits)]))
    if options.sensors:
        for line in measure_triggerer(sensors=options.sensors, interval=options.interval, seconds=options.seconds):
            print(line)


if __name__ == "__main__":
    main()
