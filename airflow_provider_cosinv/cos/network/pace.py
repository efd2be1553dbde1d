# SPDX-License-Identifier: Apache-2.0
"""
How slowly an answer may come, as a whole.

A time-out counts from one byte to the next. A server that sends a byte a second never meets it, and would hold a
poll, a connection and a place among all polls for as long as it likes.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

#: Bytes a second that an answer must come at, after a beginning for which it has :data:`TIMEOUTS` time-outs.
PACE = 1024 * 1024
TIMEOUTS = 2
# A time-out of zero would be none.
_LEAST = 0.001


class SlowAnswerError(TimeoutError):
    """Bytes came, each in time, and the answer as a whole did not."""


def time_allowed(timeout: float, size: int) -> float:
    """
    Return the seconds that an answer may take.

    :param timeout: seconds to the next byte at most
    :param size: bytes of its body: those that came, or those that may come at most
    """
    return TIMEOUTS * timeout + size / PACE


class Pace:
    """
    The time of one answer, which begins now.

    :param timeout: seconds to the next byte at most
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._began = time.monotonic()
        self._received = 0

    def left(self) -> float:
        """Return the seconds that are left for the bytes that have not come."""
        return self._began + time_allowed(self._timeout, self._received) - time.monotonic()

    def received(self, size: int) -> None:
        """Take bytes into account that have come."""
        self._received += size

    def check(self) -> None:
        """
        Check that there is time left.

        :raises SlowAnswerError: if not
        """
        if self.left() <= 0:
            raise SlowAnswerError


_pace: ContextVar[Pace | None] = ContextVar("cosinv_pace", default=None)


@contextmanager
def paced(timeout: float) -> Iterator[None]:
    """
    Let what this block reads of a :class:`PacedResponse`, its headers too, come no slower than :data:`PACE`.

    :param timeout: seconds to the next byte at most
    """
    token = _pace.set(Pace(timeout))
    try:
        yield
    finally:
        _pace.reset(token)


def time_left(seconds: float) -> float:
    """
    Return the seconds that a step on the way to an answer may take.

    :param seconds: at most; fewer if a block of :func:`paced` has fewer left
    """
    pace = _pace.get()
    return seconds if pace is None else max(min(seconds, pace.left()), _LEAST)


class PacedResponse(HTTPResponse):
    """An answer of http.client that a block of :func:`paced` limits; a blocking read could not be ended otherwise."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_PacedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]  # it calls makefile alone


class _PacedSocket:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_PacedBytes(self._sock))


class _PacedBytes(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        # It keeps the socket open for as long as the answer is read, which may be longer than the connection lasts.
        self._bytes = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._bytes.fileno()

    def readinto(self, buffer: Any) -> int | None:
        pace = _pace.get()
        if pace is None:
            return self._bytes.readinto(buffer)
        pace.check()
        timeout, left = self._sock.gettimeout(), pace.left()
        is_last = timeout is None or left < timeout
        if is_last:
            self._sock.settimeout(max(left, _LEAST))
        try:
            size = self._bytes.readinto(buffer)
        except TimeoutError:
            if is_last:
                raise SlowAnswerError from None
            raise
        finally:
            if is_last:
                self._sock.settimeout(timeout)
        pace.received(size or 0)
        return size

    def close(self) -> None:
        try:
            self._bytes.close()
        finally:
            super().close()
