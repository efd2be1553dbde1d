# SPDX-License-Identifier: Apache-2.0
"""The logger that a piece of work writes to: Airflow's loggers and those of the standard library are such."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Logger(Protocol):
    """Takes a message in the style of ``%`` and its arguments."""

    def debug(self, message: str, /, *arguments: Any) -> Any:
        """Log what only a search for a fault needs."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Log a change of state."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Log what may be wrong."""


def warn(log: Logger, sentences: Iterable[str]) -> None:
    """Log a warning for each sentence."""
    for sentence in sentences:
        log.warning("%s", sentence)
