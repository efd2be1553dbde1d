# SPDX-License-Identifier: Apache-2.0
"""How long a piece of work took, for the line that says so."""

from __future__ import annotations

import time


class Stopwatch:
    """Measures the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began
