# SPDX-License-Identifier: Apache-2.0
"""What the async half alone promises: one session per loop, connections that outlive a poll, no thread per request."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.async_session import CONNECTIONS, KEEPALIVE, shared_session
from airflow_provider_cosinv.cos.network.tls import tls_context
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import Reply


def client_of(settings):
    return AsyncCOSClient(settings=settings, retry_policy=QUICK)


def test_all_users_of_one_loop_share_a_session_that_the_last_one_closes():
    async def run():
        async with shared_session() as first:
            async with shared_session() as second:
                assert second is first
            assert not first.closed
        assert first.closed
        async with shared_session() as third:
            assert third is not first
            assert not third.closed

    asyncio.run(run())


def test_a_session_is_closed_when_its_user_fails():
    async def run():
        held = []

        async def fail():
            async with shared_session() as session:
                held.append(session)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()
        assert held[0].closed

    asyncio.run(run())


def test_a_user_who_comes_while_the_last_one_closes_gets_an_open_session():
    async def run():
        async def use(seconds):
            await asyncio.sleep(seconds)
            async with shared_session() as session:
                assert not session.closed
                await asyncio.sleep(0)

        await asyncio.gather(*(use(n / 1000) for n in range(20)), *(use(0) for _ in range(20)))

    asyncio.run(run())


def test_two_loops_have_two_sessions():
    sessions = []

    async def run():
        async with shared_session() as session:
            sessions.append(session)

    asyncio.run(run())
    asyncio.run(run())
    assert sessions[0] is not sessions[1]


def test_two_clients_on_one_connection_poll_after_poll(server, settings):
    server.answer(Reply(body=b"abc"))

    async def run():
        async with client_of(settings) as first, client_of(settings) as second:
            for client in (first, second, first):
                await client.get_object(BUCKET, "k", max_bytes=3)

    asyncio.run(run())
    assert len({seen.connection for seen in server.seen}) == 1


def test_a_connection_outlives_a_minute_between_two_polls():
    assert KEEPALIVE > 90


def test_a_client_works_outside_of_a_block_too(server, settings):
    async def run():
        await client_of(settings).head_bucket(BUCKET)

    asyncio.run(run())
    assert len(server.seen) == 1


def test_many_waits_at_once_open_no_more_connections_than_allowed_and_no_thread(server, settings):
    server.answer(Reply(body=b"abc", delay=0.001))
    threads = []

    async def run():
        async with client_of(settings) as client:
            before = set(threading.enumerate())
            await asyncio.gather(*(client.get_object(BUCKET, f"k{n}", max_bytes=3) for n in range(300)))
            own = [thread for thread in set(threading.enumerate()) - before if "asyncio" in thread.name]
            threads.extend(own)

    asyncio.run(run())
    assert len(server.seen) == 300
    assert len({seen.connection for seen in server.seen}) <= CONNECTIONS
    assert not threads


def test_a_cancelled_wait_ends_at_once_and_leaves_nothing_open(server, settings):
    server.answer(Reply(delay=1))

    async def run():
        async with shared_session() as session:
            task = asyncio.create_task(client_of(settings).get_object(BUCKET, "k", max_bytes=3))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert session.closed

    asyncio.run(asyncio.wait_for(run(), 0.9))


def test_one_tls_context_serves_all_requests_with_one_path(tmp_path):
    import certifi

    async def run():
        contexts = await asyncio.gather(*(tls_context((certifi.where(),)) for _ in range(5)))
        return {id(context) for context in [*contexts, await tls_context((certifi.where(),))]}

    assert len(asyncio.run(run())) == 1


def test_settings_of_two_clients_do_not_mix(server, settings):
    server.answer(Reply(body=b"abc"))
    other = replace(settings, region="ap-beijing")

    async def run():
        async with client_of(settings) as first, client_of(other) as second:
            await asyncio.gather(
                *(client.get_object(BUCKET, "k", max_bytes=3) for client in (first, second) for _ in range(5))
            )

    asyncio.run(run())
    regions = sorted(seen.headers["host"].split(".")[2] for seen in server.seen)
    assert regions == ["ap-beijing"] * 5 + ["ap-guangzhou"] * 5
