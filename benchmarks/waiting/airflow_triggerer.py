# SPDX-License-Identifier: Apache-2.0
"""The real triggerer with many deferred sensors: what Airflow itself adds to the waits."""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.waiting.emulator import running_emulator
from tests.airflow.deployment import AirflowDeployment

DAG_ID = "cos_inventory_waits"
_DAGS = Path(__file__).parents[1] / "waiting_dags"
_PATIENCE = 600.0
_QUIET_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """
    What the processes of the triggerer took.

    :param wall: seconds
    :param cpu: seconds by process, the supervisor first, then the one in which triggers run
    :param memory: bytes likewise
    :param polls: that the emulator answered meanwhile
    """

    wall: float
    cpu: tuple[float, ...]
    memory: tuple[int, ...]
    polls: int

    @property
    def share(self) -> float:
        """Per cent of one core."""
        return 100 * sum(self.cpu) / self.wall

    @property
    def mib(self) -> float:
        """Memory of all."""
        return sum(self.memory) / (1 << 20)


def measure_triggerer(*, sensors: int, interval: float, seconds: float) -> Iterator[str]:
    """
    Start Airflow, defer sensors, and yield the lines of a table.

    :param sensors: deferred in one triggerer
    :param interval: seconds between two polls of each
    :param seconds: that are measured
    """
    with tempfile.TemporaryDirectory(prefix="waits-") as folder, running_emulator() as emulator:
        airflow = AirflowDeployment(
            home=Path(folder) / "airflow",
            dags_folder=_DAGS,
            timeout=_PATIENCE,
            environment={
                "AIRFLOW_CONN_COS_DEFAULT": json.dumps(emulator["connection"]),
                "AIRFLOW__TRIGGERER__CAPACITY": str(sensors + 100),
                "AIRFLOW__CORE__MAX_MAP_LENGTH": str(sensors + 100),
                "COSINV_WAITS": str(sensors),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
        )
        with airflow:
            airflow.wait_for_dag(DAG_ID, timeout=_PATIENCE)
            polls = _Polls(emulator)
            idle = _usage(airflow, polls, _QUIET_SECONDS)
            run_id = airflow.client.trigger_dag_run(DAG_ID)
            print(f"Deferring {sensors:,} sensors in a real Airflow.", file=sys.stderr, flush=True)
            code = airflow.processes.run(
                "defer-all",
                [sys.executable, "-m", "benchmarks.waiting.defer_all", DAG_ID, run_id, str(interval)],
                environment=airflow.component_environment,
                folder=airflow.home,
            )
            if code:
                raise RuntimeError(airflow.processes.tail("defer-all"))
            began = time.monotonic()
            while polls.count() < sensors:
                airflow.processes.check()
                if time.monotonic() - began > _PATIENCE + interval:
                    raise RuntimeError(
                        f"{polls.count()} of {sensors} sensors looked.\n{airflow.processes.tail('triggerer')}"
                    )
                time.sleep(1)
            taken = time.monotonic() - began
            busy = _usage(airflow, polls, seconds)
            log = airflow.processes.log_path("triggerer").read_text(errors="replace")
        yield ""
        yield f"{sensors:,} sensors in a real triggerer, a poll every {interval:g} s each, {seconds:g} s measured."
        yield ""
        yield from _table(idle, busy, sensors)
        yield f"| seconds until each had looked once | | {taken:.0f} |"
        yield f'| times that Airflow warned "async thread was blocked" | | {log.count("async thread was blocked")} |'


def _table(idle: Usage, busy: Usage, sensors: int) -> Iterator[str]:
    yield "| | triggerer without triggers | with them |"
    yield "|---|---:|---:|"
    yield f"| polls/s | | {busy.polls / busy.wall:.0f} |"
    yield f"| % of a core, all processes of the triggerer | {idle.share:.1f} | {busy.share:.1f} |"
    for place, name in enumerate(("supervisor", "the process in which triggers run")):
        shares = [100 * usage.cpu[place] / usage.wall for usage in (idle, busy)]
        yield f"| % of a core, {name} | {shares[0]:.1f} | {shares[1]:.1f} |"
    if busy.polls:
        yield f"| CPU µs per poll, that of the idle triggerer taken off | | {_per_poll(idle, busy):.0f} |"
    yield f"| MiB, all processes of the triggerer | {idle.mib:.0f} | {busy.mib:.0f} |"
    yield f"| KiB per sensor | | {1024 * (busy.mib - idle.mib) / sensors:.0f} |"


def _per_poll(idle: Usage, busy: Usage) -> float:
    return 1e6 * (sum(busy.cpu) - sum(idle.cpu) / idle.wall * busy.wall) / busy.polls


class _Polls:
    """Asks the emulator how many polls it has seen."""

    def __init__(self, emulator: dict[str, Any]) -> None:
        self._url = f"{emulator['url']}/_emulator/faults"
        self._trusted = ssl.create_default_context(cafile=emulator["connection"]["extra"]["verify_ssl"])

    def count(self) -> int:
        """Return the number."""
        with urllib.request.urlopen(self._url, context=self._trusted) as answer:
            seen: int = json.load(answer)[0]["seen"]
        return seen


def _usage(airflow: AirflowDeployment, polls: _Polls, seconds: float) -> Usage:
    processes = airflow.processes.tree("triggerer")
    seen, began, before = polls.count(), time.monotonic(), [_cpu(process) for process in processes]
    time.sleep(seconds)
    return Usage(
        wall=time.monotonic() - began,
        cpu=tuple(_cpu(process) - then for process, then in zip(processes, before, strict=True)),
        memory=tuple(process.memory_info().rss for process in processes),
        polls=polls.count() - seen,
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
