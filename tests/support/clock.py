# SPDX-License-Identifier: Apache-2.0
"""Clocks that a test moves, so that no test waits for a real second or depends on the machine's speed."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class WallClock:
    """
    The time of day, ``time.time()``, moved forward by a test for all code of the process, the emulator included.

    A jump of at most 15 minutes leaves requests valid that were signed before it.
    """

    def __init__(self) -> None:
        self._real = time.time
        self._ahead = 0.0

    def time(self) -> float:
        return self._real() + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += seconds


class _Selector(selectors.DefaultSelector):
    """Reports what is ready now. If nothing is, the loop's clock jumps to its next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is ready and no timer is set: the test would wait for ever")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose clock starts at 0 and jumps from timer to timer: an hour of sleep takes no time.

    For code without sockets and threads; what arrives from outside would come too late for a timer.
    """

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_in_virtual_time(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as ``asyncio.run`` does, in a :class:`VirtualTimeLoop`."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
