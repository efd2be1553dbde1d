# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.table_rivals.child``: one rival does one work, once, in a process of its own.

The order comes as JSON on the standard input; what was measured goes as JSON to the standard output. Imports are not
counted. All rivals get the same two cores.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.table_rivals.task import THREADS, Task


def main() -> None:
    """Do it."""
    order = json.load(sys.stdin)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    rival = import_module(f"benchmarks.table_rivals.{order['rival']}")
    for name in getattr(rival, "IMPORTS", {}).get(order["work"], ()):
        import_module(name)
    work = getattr(rival, order["work"])
    task = Task(**order["task"])
    cpu, began = _cpu_seconds(), time.perf_counter()
    answer = work(task)
    wall = time.perf_counter() - began
    print(json.dumps({"wall": wall, "cpu": _cpu_seconds() - cpu, "peak": _peak_bytes(), "answer": answer}))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _peak_bytes() -> int:
    # Not ru_maxrss, which a child inherits from the process that started it.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("This process tells no VmHWM.")


if __name__ == "__main__":
    main()
