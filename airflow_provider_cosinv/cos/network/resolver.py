# SPDX-License-Identifier: Apache-2.0
"""
Host names, looked up in threads of their own.

The operating system's look-up blocks, for a minute and a half where a name server does not answer. aiohttp's own
resolver does it in the event loop's executor, which has a handful of threads for all triggers.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

#: Look-ups at the same time, each in a thread; one host has one at most.
LOOKUPS = 32
#: Seconds that a connection waits for the address of its host.
SECONDS = 10.0

_FLAGS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """
    Looks host names up for the running event loop.

    A look-up that takes too long goes on beside: the next connection to that host waits for it, and no other host for
    either.

    :param seconds: that a connection waits
    """

    def __init__(self, *, seconds: float | None = None) -> None:
        self._seconds = SECONDS if seconds is None else seconds
        self._places = asyncio.Semaphore(LOOKUPS)
        self._lookups: dict[tuple[str, int, socket.AddressFamily], asyncio.Task[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Return the addresses of a host.

        :raises OSError: where it has none, or the name server does not answer in time
        """
        key = (host, port, family)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = asyncio.create_task(self._look_up(host, port, family))
            lookup.add_done_callback(lambda done: self._end(key, done))
        done, _ = await asyncio.wait({lookup}, timeout=self._seconds)
        if not done:
            raise socket.gaierror(socket.EAI_AGAIN, f"no answer of the name server within {self._seconds:g} seconds")
        return lookup.result()

    async def close(self) -> None:
        """Give up the look-ups; a thread ends when the operating system answers it."""
        for lookup in list(self._lookups.values()):
            lookup.cancel()

    def _end(self, key: tuple[str, int, socket.AddressFamily], done: asyncio.Task[list[ResolveResult]]) -> None:
        del self._lookups[key]
        # Read here, for all may have gone who waited for it.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        async with self._places:
            found: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            # Daemons: a process that ends does not wait for a name server.
            threading.Thread(
                target=_ask, args=(found, host, port, family), name=f"cos-inventory-resolver-{host}", daemon=True
            ).start()
            addresses = await found
        return [
            ResolveResult(hostname=host, host=numeric, port=number, family=kind, proto=protocol, flags=_FLAGS)
            for kind, protocol, numeric, number in addresses
        ]


def _ask(found: asyncio.Future[list[Any]], host: str, port: int, family: socket.AddressFamily) -> None:
    try:
        outcome: Any = [
            # Keep the scope of an IPv6 address.
            (kind, protocol, *_numeric(address))
            for kind, _, protocol, _, address in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            # Some systems without IPv6 return packed bytes of it.
            if len(address) < 3 or isinstance(address[0], str)  # noqa: PLR2004  host and port
        ]
    except Exception as error:  # noqa: BLE001  any error belongs to those who wait for the result
        outcome = error

    def tell() -> None:
        if found.done():
            return
        if isinstance(outcome, Exception):
            found.set_exception(outcome)
        else:
            found.set_result(outcome)

    # The loop may have ended meanwhile.
    with suppress(RuntimeError):
        found.get_loop().call_soon_threadsafe(tell)


def _numeric(address: Any) -> tuple[str, int]:
    host, port = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    return host, int(port)
