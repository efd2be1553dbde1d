# SPDX-License-Identifier: Apache-2.0
"""
Host names, looked up for an event loop, each in a thread of its own; see :mod:`.lookup`.

aiohttp's own resolver does it in the event loop's executor, which has a handful of threads for all triggers.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from aiohttp.abc import AbstractResolver, ResolveResult

from airflow_provider_cosinv.cos.network import lookup
from airflow_provider_cosinv.cos.network.lookup import Address

#: Look-ups at the same time, each in a thread; one host has one at most.
LOOKUPS = 32

_FLAGS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """
    Looks host names up for the running event loop.

    A look-up that takes too long goes on beside: the next connection to that host waits for it, and no other host for
    either.

    :param seconds: that a connection waits
    """

    def __init__(self, *, seconds: float | None = None) -> None:
        self._seconds = lookup.SECONDS if seconds is None else seconds
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
        task = self._lookups.get(key)
        if task is None:
            task = self._lookups[key] = asyncio.create_task(self._look_up(host, port, family))
            task.add_done_callback(lambda done: self._end(key, done))
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        if not done:
            raise lookup.unanswered(self._seconds)
        return task.result()

    async def close(self) -> None:
        """Give up the look-ups; a thread ends when the operating system answers it."""
        for task in list(self._lookups.values()):
            task.cancel()

    def _end(self, key: tuple[str, int, socket.AddressFamily], done: asyncio.Task[list[ResolveResult]]) -> None:
        del self._lookups[key]
        # Read here, for all may have gone who waited for it.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        async with self._places:
            loop = asyncio.get_running_loop()
            found: asyncio.Future[list[Address]] = loop.create_future()

            def tell(outcome: list[Address] | Exception) -> None:
                # The loop may have ended meanwhile.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(_settle, found, outcome)

            lookup.begin(host, port, family=family, flags=socket.AI_ADDRCONFIG, tell=tell)
            addresses = await found
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=address.port,
                family=address.family,
                proto=address.protocol,
                flags=_FLAGS,
            )
            for address in addresses
        ]


def _settle(found: asyncio.Future[list[Address]], outcome: list[Address] | Exception) -> None:
    if found.done():
        return
    if isinstance(outcome, Exception):
        found.set_exception(outcome)
    else:
        found.set_result(outcome)
