# SPDX-License-Identifier: Apache-2.0
"""Waiting for what Airflow or the emulator will do in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 240.0
"""Seconds: what takes a moment here may take minutes on a machine with much else to do."""

Seen = TypeVar("Seen")


def wait_until(condition: Callable[[], Seen], *, what: str, timeout: float = PATIENCE) -> Seen:
    """The first true value of a condition; fails with `what` was waited for after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"not in {timeout:g} s: {what}"
        time.sleep(0.1)
    return seen
