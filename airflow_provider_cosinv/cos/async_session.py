# SPDX-License-Identifier: Apache-2.0
"""
One aiohttp session per event loop, shared by every wait of the triggerer.

A session of its own for each of 2,000 waits costs hundreds of megabytes over TLS, and a keep-alive shorter than the
poll interval a handshake at every poll.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import aiohttp

from airflow_provider_cosinv import __version__
from airflow_provider_cosinv.cos.network.resolver import Resolver

#: Requests in flight in one event loop, and to one host; the others wait for their turn. One host that answers slowly,
#: or a few, must leave connections to the others.
CONNECTIONS = 512
CONNECTIONS_PER_HOST = 32
#: Seconds that an idle connection is kept: longer than the usual minute between two polls.
KEEPALIVE = 120.0
_DNS_TTL = 300


@dataclass
class _Shared:
    session: aiohttp.ClientSession
    resolver: Resolver
    users: int = 0


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


class SharedSession:
    """
    A hold on the session of the running event loop, as an async context manager.

    It is no generator, which is six objects: each of ten thousand waits keeps one, and a garbage collection, which
    stops the loop, looks at them all.
    """

    __slots__ = ("_shared",)

    async def __aenter__(self) -> aiohttp.ClientSession:
        """Give the session; the first user opens it."""
        loop = asyncio.get_running_loop()
        shared = _by_loop.get(loop)
        if shared is None:
            shared = _by_loop[loop] = _open()
        shared.users += 1
        self._shared = shared
        return shared.session

    async def __aexit__(self, *_: object) -> None:
        """Let go of it; the last user closes it."""
        shared = self._shared
        shared.users -= 1
        if shared.users == 0:
            # Taken out before it closes: who comes meanwhile opens another.
            del _by_loop[asyncio.get_running_loop()]
            await shared.session.close()
            await shared.resolver.close()


def shared_session() -> SharedSession:
    """
    Give the session of the running event loop; the first user opens it, the last one closes it.

    Hold it for as long as a wait lasts, so that connections outlive a poll.
    """
    return SharedSession()


def _open() -> _Shared:
    resolver = Resolver()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CONNECTIONS,
            limit_per_host=CONNECTIONS_PER_HOST,
            keepalive_timeout=KEEPALIVE,
            ttl_dns_cache=_DNS_TTL,
            resolver=resolver,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Objects arrive as they are stored.
        auto_decompress=False,
        # With it, aiohttp reads .netrc and the proxies in a thread at each request, and refuses an Authorization
        # header where .netrc has a default entry. The environment's proxies are honoured by .aio.
        trust_env=False,
        headers={"User-Agent": f"airflow-provider-cosinv/{__version__}"},
    )
    return _Shared(session, resolver)
