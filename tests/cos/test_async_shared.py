# SPDX-License-Identifier: Apache-2.0
"""One client for all waits with the same settings."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.async_shared import shared_client
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.retry import POLLING_POLICY, RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings


def settings_of(**changes):
    settings = ClientSettings(
        credentials=Credentials("AKIDexample", "secret"), region="ap-guangzhou", proxies={"https": "http://proxy:3128"}
    )
    return replace(settings, **changes)


def client_of(settings, policy=POLLING_POLICY):
    return shared_client(settings=settings, retry_policy=policy)


def test_equal_settings_share_a_client():
    async def run():
        first = client_of(settings_of())
        assert client_of(settings_of()) is first

    asyncio.run(run())


@pytest.mark.parametrize(
    "changes",
    [
        {"credentials": Credentials("AKIDexample", "another")},
        {"credentials": Credentials("AKIDexample", "secret", "token")},
        {"region": "ap-beijing"},
        {"proxies": None},
        {"verify_ssl": False},
    ],
)
def test_other_settings_have_another_client(changes):
    async def run():
        first = client_of(settings_of())
        other = client_of(settings_of(**changes))
        assert other is not first
        assert other.settings == settings_of(**changes)

    asyncio.run(run())


def test_another_policy_has_another_client():
    async def run():
        first = client_of(settings_of())
        assert client_of(settings_of(), RetryPolicy(attempts=2)) is not first

    asyncio.run(run())


def test_a_client_belongs_to_one_event_loop():
    clients = []

    async def run():
        clients.append(client_of(settings_of()))

    asyncio.run(run())
    asyncio.run(run())
    assert clients[0] is not clients[1]


def test_a_client_lasts_as_long_as_it_is_held():
    async def run():
        held = weakref.ref(client_of(settings_of()))
        gc.collect()
        assert held() is None

    asyncio.run(run())
