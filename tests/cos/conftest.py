# SPDX-License-Identifier: Apache-2.0
"""What the tests of the client share."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.inventory.configuration import Destination, InventoryConfiguration
from tests.cos.scripted_server import ScriptedServer

BUCKET = "examplebucket-1250000000"
HOST = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com"
SECRET_ID = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q"
SECRET_KEY = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"
TOKEN = "tokentokentokentokentokentokentoken"
QUICK = RetryPolicy(attempts=3, throttled_attempts=5, first_wait=0.001, max_wait=0.002)


class SyncHalf:
    """The sync client, called as the async one is."""

    name = "sync"

    def call(self, settings, method, *args, **kwargs):
        with COSClient(settings=settings, retry_policy=QUICK) as client:
            return getattr(client, method)(*args, **kwargs)


class AsyncHalf:
    """The async client, called as the sync one is."""

    name = "async"

    def call(self, settings, method, *args, **kwargs):
        async def run():
            async with AsyncCOSClient(settings=settings, retry_policy=QUICK) as client:
                return await getattr(client, method)(*args, **kwargs)

        return asyncio.run(run())


@pytest.fixture(params=[SyncHalf(), AsyncHalf()], ids=lambda half: half.name)
def half(request):
    """Each half in turn: what holds for one holds for both."""
    return request.param


@pytest.fixture(autouse=True)
def _no_proxies_of_this_machine(monkeypatch):
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    for name in (*proxies, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()


@pytest.fixture
def settings(server):
    return ClientSettings(
        credentials=Credentials(SECRET_ID, SECRET_KEY), region="ap-guangzhou", endpoint_url=server.url, timeout=5
    )


@pytest.fixture
def client(settings):
    with COSClient(settings=settings, retry_policy=QUICK) as opened:
        yield opened


@pytest.fixture
def impatient(settings):
    """Settings with a time-out that a test can wait for."""
    return replace(settings, timeout=0.15)


@pytest.fixture
def configuration():
    return InventoryConfiguration(
        inventory_id="disposable",
        destination=Destination(bucket="inventorybucket-1250000000", region="ap-guangzhou", prefix="inv"),
    )
