# SPDX-License-Identifier: Apache-2.0
"""
One async client for all waits of an event loop that have the same settings.

They share its signing key and what it found out about proxies, and ten thousand waits are not ten thousand clients.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, WeakSet

from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings

_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[AsyncCOSClient]] = WeakKeyDictionary()


def shared_client(*, settings: ClientSettings, retry_policy: RetryPolicy) -> AsyncCOSClient:
    """
    Return the client of the running event loop that has these settings; it lasts as long as a wait holds it.

    :param settings: credentials, region and the way there
    :param retry_policy: how often and how patiently a request is sent again
    """
    clients = _by_loop.setdefault(asyncio.get_running_loop(), WeakSet())
    for client in clients:
        if client.settings == settings and client.retry_policy == retry_policy:
            return client
    client = AsyncCOSClient(settings=settings, retry_policy=retry_policy)
    clients.add(client)
    return client
