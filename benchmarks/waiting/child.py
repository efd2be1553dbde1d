# SPDX-License-Identifier: Apache-2.0
"""Measures one case in a process of its own: the case comes as JSON, the outcome goes as JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.waiting.case import Case, Load, Outcome
from benchmarks.waiting.foreign import measure_foreign
from benchmarks.waiting.parts import http_microseconds, signing_microseconds
from benchmarks.waiting.ways import WAYS

_SAMPLE = 0.02
_WEIGHED = 5.0


class Meter:
    """
    Watches this process and its event loop. What the watching itself takes is no part of what it tells.

    :param case: for the emulator, which counts the polls
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._lags: list[float] = []
        self._work: list[float] = []
        self._began = 0.0
        self._wall = self._cpu = self._own = 0.0
        self._polls = 0
        self._trusted = ssl.create_default_context(cafile=case.connection["extra"]["verify_ssl"])

    async def watch(self) -> None:
        """Take note of how late the loop is, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due, cpu = loop.time() + _SAMPLE, time.thread_time()
            await asyncio.sleep(_SAMPLE)
            # What happened before it was begun does not count.
            lag = max(loop.time() - max(due, self._began), 0.0)
            self._lags.append(lag)
            self._work.append(min(lag, time.thread_time() - cpu))

    async def weigh(self) -> None:
        """Measure what the watching takes, while nobody waits yet."""
        self.begin()
        await asyncio.sleep(min(_WEIGHED, self._case.seconds))
        alone = self.end()
        self._own = alone.cpu / alone.wall

    def begin(self) -> None:
        """Begin anew."""
        self._polls = self.polls()
        self._lags.clear()
        self._work.clear()
        self._began = asyncio.get_running_loop().time()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def end(self) -> Load:
        """Return what happened since :meth:`begin`."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        # A loop that never came round in this time was late for all of it.
        lags, work = self._lags or [wall], self._work or [cpu]
        return Load(
            wall=wall,
            cpu=cpu - self._own * wall,
            lag_p99=_percentile_99(lags),
            lag_max=max(lags),
            work_p99=_percentile_99(work),
            work_max=max(work),
            polls=self.polls() - self._polls,
        )

    def polls(self) -> int:
        """Return how many requests for reports the emulator has seen."""
        if self._case.way == "sleep":
            return 0
        with urllib.request.urlopen(f"{self._case.url}/_emulator/faults", context=self._trusted) as answer:
            seen: int = json.load(answer)[0]["seen"]
        return seen


def _percentile_99(values: list[float]) -> float:
    return sorted(values)[min(len(values) * 99 // 100, len(values) - 1)]


async def measure(case: Case) -> Outcome:
    """Start the waits and measure them."""
    way = WAYS[case.way](case)
    await way.warm_up()
    signing = http = None
    stands: dict[str, float] = {}
    if case.way == "triggers":
        signing, http = signing_microseconds(case), await http_microseconds(case)
        stands = await measure_foreign(case.megabytes)
    bare = resident_bytes()
    meter = Meter(case)
    watcher = asyncio.create_task(meter.watch())
    await meter.weigh()
    before = meter.polls()
    waits = [way.start(number) for number in range(case.waits)]
    try:
        await asyncio.sleep(1.2 * case.interval + 1)
        await _until_all_polled(case, meter, before)
        meter.begin()
        await asyncio.sleep(case.seconds)
        steady = meter.end()
        held = resident_bytes()
        herd = None
        if case.way != "sleep":
            herd = await _stampede(case, meter)
            held = max(held, resident_bytes())
        for wait in waits:
            if wait.done():
                wait.result()
        return Outcome(steady=steady, herd=herd, bare=bare, held=held, signing=signing, http=http, stands=stands)
    finally:
        for task in (*waits, watcher):
            task.cancel()
        await asyncio.gather(*waits, watcher, return_exceptions=True)


async def _stampede(case: Case, meter: Meter) -> Load:
    """Stand still until every poll is due, as when another trigger blocks the loop; then go on until all are done."""
    time.sleep(1.2 * case.interval)  # noqa: ASYNC251  that is the point
    meter.begin()
    await _until_all_polled(case, meter, meter.polls())
    return meter.end()


async def _until_all_polled(case: Case, meter: Meter, before: int) -> None:
    if case.way == "sleep":
        return
    deadline = time.monotonic() + 2 * case.interval + 60
    while await asyncio.to_thread(meter.polls) - before < case.waits and time.monotonic() < deadline:  # noqa: ASYNC110  the emulator counts
        await asyncio.sleep(0.5)


def resident_bytes() -> int:
    """Return the memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("This system does not tell a process's memory.")


def main() -> None:
    """Read a case, print its outcome."""
    given: dict[str, Any] = json.load(sys.stdin)
    print(json.dumps(asyncio.run(measure(Case(**given))).as_dict()))


if __name__ == "__main__":
    main()
