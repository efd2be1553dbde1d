# SPDX-License-Identifier: Apache-2.0
"""A server whose bytes each come in time, and whose answers never end; and name servers that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import socketserver
import threading
from collections import Counter
from dataclasses import replace

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from airflow_provider_cosinv.cos import async_session as aio_session
from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.network import lookup, pace, resolver
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.exceptions import COSInventoryPermissionError, COSInventoryTransientError
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import Reply

OK = b"HTTP/1.1 200 OK\r\nx-cos-request-id: a\r\n"
#: What is sent at once; the byte that follows for ever.
DRIPS = {
    "status-line": (b"HTTP/1.1 200 O", b"K"),
    "header": (OK + b"x-long: ", b"a"),
    "headers": (OK, b"a: b\r\n"),
    "body": (OK + b"Content-Length: 900\r\n\r\n", b"a"),
    "range": (
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-899/900\r\nContent-Length: 900\r\n\r\n",
        b"a",
    ),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "endless-body": (OK + b"\r\n", b" "),
    "error-body": (b"HTTP/1.1 403 No\r\nx-cos-request-id: a\r\nContent-Length: 900\r\n\r\n", b"a"),
    "page": (OK + b"Content-Length: 900000\r\n\r\n<ListBucketResult>", b" "),
}


class Drip:
    """Answers each request with a beginning and then a byte at a time."""

    def __init__(self, beginning, drop):
        self.asked = Counter()
        self.second = threading.Event()
        self.gone = threading.Event()
        self.over = threading.Event()
        drip = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                head = self.request.recv(65536)
                drip.asked[re.search(rb"(?i)host: (\S+)", head)[1].decode()] += 1
                if sum(drip.asked.values()) == 2:
                    drip.second.set()
                with contextlib.suppress(OSError):
                    self.request.sendall(beginning)
                    # Ten seconds: a client without a limit ends, too, but not with the error that is expected.
                    for _ in range(500):
                        if drip.over.wait(0.02):
                            break
                        self.request.sendall(drop)
                drip.gone.set()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def drip(request):
    made = Drip(*DRIPS[request.param])
    yield made
    made.stop()


@pytest.fixture
def dripping(settings, drip, monkeypatch):
    """Settings that lead to it, with a time-out that no byte exceeds, and a quarter of a second for an answer."""
    monkeypatch.setattr(pace, "TIMEOUTS", 0.05)
    return replace(settings, endpoint_url=drip.url, timeout=5)


def each(*names):
    return pytest.mark.parametrize("drip", names, indirect=True)


every_object = each("status-line", "header", "headers", "body", "chunks", "endless-body")


@every_object
def test_object_that_drips_is_given_up_after_two_tries(half, drip, dripping):
    with pytest.raises(COSInventoryTransientError, match=r"[Tt]oo slow") as caught:
        half.call(dripping, "get_object", BUCKET, "a", max_bytes=1024)
    assert (caught.value.bucket, caught.value.key) == (BUCKET, "a")
    assert sum(drip.asked.values()) == 2
    assert drip.gone.wait(10)


@each("page")
def test_page_that_drips_is_given_up(half, drip, dripping, monkeypatch):
    # The longest page may take an hour at this pace: what came decides, not what may come.
    monkeypatch.setattr(pace, "PACE", 1024)
    method, arguments = ("list_objects", {}) if half.name == "sync" else ("list_prefixes", {"prefix": "a"})
    with pytest.raises(COSInventoryTransientError, match=r"[Tt]oo slow"):
        next(iter(half.call(dripping, method, BUCKET, **arguments)))


@each("error-body")
def test_error_that_drips_counts_by_its_status(half, drip, dripping, monkeypatch):
    # Time enough for its headers.
    monkeypatch.setattr(pace, "TIMEOUTS", 0.2)
    with pytest.raises(COSInventoryPermissionError) as caught:
        half.call(dripping, "get_object", BUCKET, "a", max_bytes=10)
    assert caught.value.status == 403


@each("header", "body")
def test_download_that_drips_is_given_up(drip, dripping):
    with (
        COSClient(settings=dripping, retry_policy=QUICK) as client,
        pytest.raises(COSInventoryTransientError, match="too slowly"),
    ):
        list(client.stream_object(BUCKET, "a"))


@each("header", "range")
def test_range_that_drips_is_given_up(drip, dripping):
    with (
        COSClient(settings=dripping, retry_policy=QUICK) as client,
        pytest.raises(COSInventoryTransientError, match="too slowly"),
    ):
        client.get_range(BUCKET, "a", start=0, length=900)


@each("body")
def test_polling_tries_slow_answer_once(drip, dripping):
    policy = RetryPolicy(attempts=3, slow_attempts=1, first_wait=0.001)
    with COSClient(settings=dripping, retry_policy=policy) as client, pytest.raises(COSInventoryTransientError):
        client.get_object(BUCKET, "a", max_bytes=1024)
    assert sum(drip.asked.values()) == 1


def test_steady_answer_may_take_longer_than_its_beginning(half, server, settings, monkeypatch):
    # At this pace 900 bytes have 90 s, and the beginning a quarter of a second.
    monkeypatch.setattr(pace, "PACE", 10)
    monkeypatch.setattr(pace, "TIMEOUTS", 0.05)
    server.answer(Reply(body=b"a" * 900))
    assert half.call(settings, "get_object", BUCKET, "a", max_bytes=1024).body == b"a" * 900


@each("body")
def test_dripping_hosts_leave_connections_to_others(server, drip, dripping, settings, monkeypatch):
    monkeypatch.setattr(aio_session, "CONNECTIONS_PER_HOST", 2)
    monkeypatch.setattr(aio_session, "CONNECTIONS", 8)
    server.answer(Reply(body=b"there"))

    async def run():
        slow, quick = AsyncCOSClient(settings=replace(dripping, timeout=600)), AsyncCOSClient(settings=settings)
        async with slow, quick:
            hanging = [asyncio.create_task(slow.get_object(BUCKET, "a", max_bytes=1024)) for _ in range(20)]
            await asyncio.to_thread(drip.second.wait)
            content = await quick.get_object(BUCKET, "a", max_bytes=1024)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return content.body

    assert asyncio.run(run()) == b"there"
    assert sum(drip.asked.values()) == 2


class TestNameServer:
    """The operating system's look-up is played, for none hangs on command."""

    @pytest.fixture
    def begun(self):
        return threading.Event()

    @pytest.fixture
    def over(self):
        """Set when the name server answers after all."""
        return threading.Event()

    @pytest.fixture
    def hanging(self, monkeypatch, begun, over):
        real, asked = socket.getaddrinfo, []

        def getaddrinfo(host, *args, **kwargs):
            asked.append((host, threading.current_thread().name))
            begun.set()
            if "hangs" in str(host):
                over.wait(30)
            return real("127.0.0.1", *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(lookup, "SECONDS", 0.05)
        yield asked
        over.set()

    def test_hanging_look_up_is_a_transient_error(self, half, hanging, settings):
        hangs = replace(settings, endpoint_url="http://hangs.example.com:9")
        for _ in range(2):
            with pytest.raises(COSInventoryTransientError, match="host name cannot be resolved"):
                half.call(hangs, "get_object", BUCKET, "a", max_bytes=10)
        if half.name == "sync":
            # Each try, of each client, waits for the look-up of the first.
            assert [host for host, _ in hanging] == ["hangs.example.com"]

    def test_second_try_waits_for_the_look_up_of_the_first(self, half, hanging, settings):
        hangs = replace(settings, endpoint_url="http://hangs.example.com:9")
        with pytest.raises(COSInventoryTransientError, match="host name cannot be resolved"):
            half.call(hangs, "get_object", BUCKET, "a", max_bytes=10)
        assert [host for host, _ in hanging] == ["hangs.example.com"]

    def test_look_up_of_a_worker_has_the_time_of_the_request(self, hanging, over, settings, server, monkeypatch):
        monkeypatch.setattr(lookup, "SECONDS", 30)
        monkeypatch.setattr(pace, "TIMEOUTS", 0.05)
        # It would be answered after all, and the request with it.
        late = threading.Timer(3, over.set)
        late.daemon = True
        late.start()
        hangs = replace(settings, endpoint_url=f"http://hangs.example.com:{server.port}", timeout=1)
        policy = RetryPolicy(attempts=1)
        with COSClient(settings=hangs, retry_policy=policy) as client, pytest.raises(COSInventoryTransientError):
            client.head_bucket(BUCKET)
        assert not server.seen

    def test_look_up_of_a_worker_gives_way_to_a_signal(self, hanging, begun, settings, monkeypatch):
        monkeypatch.setattr(lookup, "SECONDS", 600)

        def stop(*_: object) -> None:
            raise SystemExit("stopped")

        before = signal.signal(signal.SIGUSR1, stop)
        threading.Thread(target=lambda: begun.wait() and os.kill(os.getpid(), signal.SIGUSR1)).start()
        hangs = replace(settings, endpoint_url="http://hangs.example.com:9", timeout=600)
        try:
            with COSClient(settings=hangs, retry_policy=QUICK) as client, pytest.raises(SystemExit, match="stopped"):
                client.head_bucket(BUCKET)
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_each_address_of_a_host_is_tried_by_a_worker(self, settings, server, monkeypatch):
        real = socket.getaddrinfo

        def getaddrinfo(host, *args, **kwargs):
            found = real("127.0.0.1" if host == "named.example.com" else host, *args, **kwargs)
            closed = [(*entry[:4], ("127.0.0.2", entry[4][1])) for entry in found]
            return [*closed, *found] if host == "named.example.com" else found

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        named = replace(settings, endpoint_url=f"http://named.example.com:{server.port}")
        with COSClient(settings=named, retry_policy=QUICK) as client:
            client.head_bucket(BUCKET)
        assert len(server.seen) == 1
        assert server.seen[0].headers["host"].endswith("myqcloud.com")

    def test_hanging_look_up_leaves_other_hosts_alone(self, hanging, begun, settings, server, monkeypatch):
        monkeypatch.setattr(resolver, "LOOKUPS", 2)
        monkeypatch.setattr(lookup, "SECONDS", 30)
        server.answer(Reply(body=b"there"))
        hangs = replace(settings, endpoint_url="http://hangs.example.com:9")
        answers = replace(settings, endpoint_url=f"http://answers.example.com:{server.port}")

        async def run():
            slow, quick = AsyncCOSClient(settings=hangs, retry_policy=QUICK), AsyncCOSClient(settings=answers)
            async with slow, quick:
                waiting = [asyncio.create_task(slow.get_object(BUCKET, "a", max_bytes=10)) for _ in range(20)]
                await asyncio.to_thread(begun.wait)
                content = await quick.get_object(BUCKET, "a", max_bytes=10)
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
                return content.body

        assert asyncio.run(run()) == b"there"

    def test_look_up_takes_no_thread_of_the_event_loop(self, hanging, settings, server):
        async def run():
            loop = asyncio.get_running_loop()
            # Whoever uses it fails.
            loop.run_in_executor = None
            async with AsyncCOSClient(
                settings=replace(settings, endpoint_url=f"http://named.example.com:{server.port}")
            ) as client:
                return await client.head_bucket(BUCKET)

        asyncio.run(run())
        ((host, thread),) = hanging
        assert thread == f"cos-inventory-resolver-{host}"

    def test_addresses_are_those_of_aiohttp(self):
        async def run(found: AbstractResolver):
            try:
                return await found.resolve("localhost", 80, socket.AF_UNSPEC)
            finally:
                await found.close()

        assert asyncio.run(run(resolver.Resolver())) == asyncio.run(run_threaded())


async def run_threaded():
    return await aiohttp.ThreadedResolver().resolve("localhost", 80, socket.AF_UNSPEC)
