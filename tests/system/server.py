# SPDX-License-Identifier: Apache-2.0
"""A server of a Debian package, for the time of a test."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.airflow.deployment import free_port
from tests.airflow.processes import ProcessSet
from tests.airflow.wait import wait_until

ENVIRONMENT = {"PATH": os.defpath}


class Server(ABC):
    """
    A context manager: inside the block the server runs, on 127.0.0.1 alone and with a password.

    :param folder: for its log; made if missing
    :raises MissingProgramError: on entering, where the server is not installed
    """

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.password = secrets.token_urlsafe(24)
        self.processes = ProcessSet(log_folder=folder)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        with contextlib.ExitStack() as stack:
            self.port = free_port()
            self.launch(stack)

            def is_ready() -> bool:
                self.processes.check()
                return self.is_ready()

            wait_until(is_ready, what=f"{type(self).__name__} answers")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove what it kept."""
        self._stack.close()

    @abstractmethod
    def launch(self, stack: contextlib.ExitStack) -> None:
        """Start the server, and put on the stack what ends it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a client of a server to its end."""
    return subprocess.run(command, env={**ENVIRONMENT, **(environment or {})}, check=False, capture_output=True)
