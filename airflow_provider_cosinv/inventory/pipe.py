# SPDX-License-Identifier: Apache-2.0
"""One named pipe to DuckDB, written ahead of its reader."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from collections import deque
from pathlib import Path
from threading import Lock

# What Linux gives to anyone; a pipe has 64 KiB by itself.
_PIPE_BYTES = 1024 * 1024
# DuckDB reads a buffer at a time, while its other threads wait, so what it reads next lies ready.
_AHEAD_BYTES = 32 * 1024 * 1024
# Seconds between two looks whether a blocked writer is still wanted.
_PATIENCE = 0.2


class FeedPipe:
    """
    The end of a pipe that is written to. Any thread may close it, even in the middle of a write.

    :param opened: its file descriptor, which does not block
    """

    def __init__(self, opened: int) -> None:
        self._lock = Lock()
        self._opened: int | None = opened
        self._ahead: deque[memoryview] = deque()
        self._ahead_bytes = 0

    def close(self) -> None:
        """Close it; what was not read yet is lost."""
        with self._lock:
            if self._opened is not None:
                os.close(self._opened)
                self._opened = None

    def write(self, block: bytes) -> None:
        """
        Write a block, or keep it until the reader wants it.

        :raises BrokenPipeError: where nobody reads any more, or the pipe was closed
        """
        self._ahead.append(memoryview(block))
        self._ahead_bytes += len(block)
        self._pass_on(at_most_left=_AHEAD_BYTES)

    def finish(self) -> None:
        """
        Write what was kept.

        :raises BrokenPipeError: where nobody reads any more, or the pipe was closed
        """
        self._pass_on(at_most_left=0)

    def _pass_on(self, *, at_most_left: int) -> None:
        while self._ahead:
            with self._lock:
                if self._opened is None:
                    raise BrokenPipeError
                opened = self._opened
                try:
                    written = os.write(opened, self._ahead[0])
                except BlockingIOError:
                    written = 0
            if written:
                self._ahead_bytes -= written
                rest = self._ahead.popleft()[written:]
                if rest:
                    self._ahead.appendleft(rest)
            elif self._ahead_bytes <= at_most_left:
                return
            else:
                # Closed meanwhile, the number may be another file's: the wait ends some time, and nothing was written.
                with contextlib.suppress(OSError):
                    select.select([], [opened], [], _PATIENCE)


def open_if_read(path: Path) -> FeedPipe | None:
    """Return the pipe of a path where somebody has it open to read, else None."""
    try:
        opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        # Refused where the user's pipes have all the memory that they may.
        with contextlib.suppress(OSError):
            fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return FeedPipe(opened)
