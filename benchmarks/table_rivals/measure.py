# SPDX-License-Identifier: Apache-2.0
"""Runs a rival in a process of its own, and watches the memory of that and of what it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks.table_rivals.task import Task

_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """
    What one run took.

    :param wall: seconds
    :param cpu: seconds of all its threads and processes
    :param peak: most memory, bytes
    :param answer: what it found
    """

    wall: float
    cpu: float
    peak: int
    answer: Any


def measure(rival: str, work: str, task: Task) -> Measurement:
    """
    Let a rival do a work once.

    :raises RuntimeError: where it fails
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.table_rivals.child"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    peaks: list[int] = [0]
    over = Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            family = _family(process.pid)
            # A process on its own knows its peak better.
            if len(family) > 1:
                peaks.append(sum(map(_resident_bytes, family)))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        printed, _ = process.communicate(json.dumps({"rival": rival, "work": work, "task": task.as_dict()}))
    finally:
        over.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{rival} failed at {work}.")
    found = json.loads(printed.splitlines()[-1])
    return Measurement(wall=found["wall"], cpu=found["cpu"], peak=max(found["peak"], *peaks), answer=found["answer"])


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        # It may end while it is looked at.
        with suppress(OSError):
            for listed in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, _text(listed).split())
    return found


def _resident_bytes(pid: int) -> int:
    for line in _text(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""
