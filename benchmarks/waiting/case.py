# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what came out: handed from process to process as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

DESTINATION = "inventorybucket-1250000000"


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    One way to wait.

    :param way: ``triggers``, ``threads`` (the SDK's ``head_object``) or ``sleep`` (nothing is asked)
    :param waits: in one process
    :param interval: seconds between two polls of a wait
    :param seconds: that are measured, after each wait has polled once
    :param url: of the emulator
    :param connection: Airflow's, to the emulator
    :param megabytes: MiB of each manifest that a watcher reads
    """

    way: str
    waits: int
    interval: float
    seconds: float
    url: str
    connection: dict[str, Any]
    megabytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the case as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Load:
    """
    What polls did to their process.

    :param polls: that the emulator answered
    :param wall: seconds
    :param cpu: seconds, of all threads
    :param lag_p99: seconds by which the event loop was late, 99th percentile
    :param lag_max: the most
    :param work_p99: of the lag, seconds of CPU of the loop's own thread: what is left of it where the machine has other
        work, too
    :param work_max: the most
    """

    polls: int
    wall: float
    cpu: float
    lag_p99: float
    lag_max: float
    work_p99: float
    work_max: float

    @property
    def per_second(self) -> float:
        """Polls a second."""
        return self.polls / self.wall

    @property
    def cpu_per_poll(self) -> float:
        """Microseconds."""
        return 1e6 * self.cpu / self.polls if self.polls else 0.0

    @property
    def share(self) -> float:
        """Per cent of one core."""
        return 100 * self.cpu / self.wall


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What a case came to.

    :param steady: polls spread over the interval
    :param herd: all polls due at once; None for ``sleep``
    :param bare: bytes of memory of the process before the waits
    :param held: bytes with all waits, at the end
    :param signing: microseconds of CPU for one signature; None where the SDK signs
    :param http: microseconds of CPU for one signed request with nothing around it; None likewise
    :param stands: seconds for which the loop stood still at most while a watcher read a manifest, by its kind
    """

    steady: Load
    herd: Load | None
    bare: int
    held: int
    signing: float | None = None
    http: float | None = None
    stands: dict[str, float] = field(default_factory=dict)

    @property
    def mib(self) -> float:
        """Memory that the waits added."""
        return (self.held - self.bare) / (1 << 20)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Outcome:
        """Return the outcome that :meth:`as_dict` wrote."""
        loads = {name: Load(**data[name]) if data[name] else None for name in ("steady", "herd")}
        return cls(**{**data, **loads})
