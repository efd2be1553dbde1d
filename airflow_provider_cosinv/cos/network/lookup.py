# SPDX-License-Identifier: Apache-2.0
"""
Host names, looked up in threads of their own.

The operating system's look-up blocks, for a minute and a half if a name server does not answer, and cannot be
interrupted: not by a time-out, and not by the signal that stops a task.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

#: Seconds that a connection waits for the addresses of its host.
SECONDS = 10.0
# Seconds of a wait that a signal may have to wait for.
_PIECE = 0.1


@dataclass(frozen=True)
class Address:
    """One address of a host, as numbers."""

    family: int
    protocol: int
    host: str
    port: int


def look_up(host: str, port: int, *, family: int, seconds: float) -> list[Address]:
    """
    Return the addresses of a host; the wait for them gives way to a signal.

    A look-up that takes too long goes on beside: the next call for that host waits for it.

    :param family: of addresses, such as AF_UNSPEC
    :param seconds: to wait at most
    :raises OSError: if the host has none, or the name server does not answer in time
    """
    # A process that was forked has no thread that would end the look-ups of its parent.
    key = (os.getpid(), host, port, family)
    with _lock:
        lookup = _lookups.get(key)
        if lookup is None:
            lookup = _lookups[key] = Future()
            begin(host, port, family=family, flags=0, tell=lambda outcome: _end(key, outcome))
    deadline = time.monotonic() + seconds
    # In pieces: a signal that arrives just before a wait begins does not end it.
    while not wait([lookup], timeout=min(max(deadline - time.monotonic(), 0), _PIECE)).done:
        if time.monotonic() >= deadline:
            raise unanswered(seconds)
    return lookup.result()


def begin(host: str, port: int, *, family: int, flags: int, tell: Callable[[list[Address] | Exception], None]) -> None:
    """
    Look a host up in a thread.

    :param flags: of getaddrinfo
    :param tell: called in that thread with the addresses, or the error
    """

    def work() -> None:
        try:
            outcome: list[Address] | Exception = _addresses(host, port, family, flags)
        except Exception as error:  # noqa: BLE001  any error belongs to those who wait for the result
            outcome = error
        tell(outcome)

    # A daemon: a process that ends does not wait for a name server.
    threading.Thread(target=work, name=f"cos-inventory-resolver-{host}", daemon=True).start()


def unanswered(seconds: float) -> socket.gaierror:
    """Return the error of a name server that did not answer in time."""
    return socket.gaierror(socket.EAI_AGAIN, f"no answer of the name server within {seconds:g} seconds")


_Key = tuple[int, str, int, int]
_lookups: dict[_Key, Future[list[Address]]] = {}
_lock = threading.Lock()


def _end(key: _Key, outcome: list[Address] | Exception) -> None:
    with _lock:
        lookup = _lookups.pop(key)
    if isinstance(outcome, Exception):
        lookup.set_exception(outcome)
    else:
        lookup.set_result(outcome)


def _addresses(host: str, port: int, family: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=flags)
    return [
        # Keep the scope of an IPv6 address.
        Address(kind, protocol, *_numeric(address))
        for kind, _, protocol, _, address in found
        # Some systems without IPv6 return packed bytes of it.
        if len(address) < 3 or isinstance(address[0], str)  # noqa: PLR2004  host and port
    ]


def _numeric(address: tuple[object, ...]) -> tuple[str, int]:
    host, port = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)  # type: ignore[arg-type]
    return host, int(port)
