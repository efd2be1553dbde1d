# SPDX-License-Identifier: Apache-2.0
"""No way to COS: tries with growing pauses, an error that a retry may heal, and nothing submitted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from socket import SO_LINGER, SOL_SOCKET, create_server, socket
from struct import pack
from threading import Thread

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryDuplicateError, COSInventoryTransientError
from airflow_provider_cosinv.operators import _submission as submission
from tests.conftest import DESTINATION, SOURCE
from tests.cos.scripted_server import ScriptedServer
from tests.cos.test_network_errors import certificate  # noqa: F401  a fixture
from tests.reliability.attempts import (
    SUBMITTED,
    attempt,
    connect,
    new_context,
    old_context,
    record_pauses,
    task,
)

TRIES = 5


@contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def silence() -> Iterator[int]:
    """A port where connections come about and nothing is ever said."""
    with create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@contextmanager
def resets() -> Iterator[int]:
    """A port where each connection is reset as soon as something was said, as some firewalls do with TLS."""
    with create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_reset_each, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        with socket() as last:
            last.connect(listener.getsockname())
        thread.join()


def _reset_each(listener: socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            if not connection.recv(4096):
                return
            connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))


class Broken:
    """What is wrong with the way, as extras of the connection, and what the user reads of it."""

    def __init__(self, request: pytest.FixtureRequest, cos, stack: ExitStack) -> None:
        self._request = request
        self._cos = cos
        self._stack = stack

    def refused(self):
        port = self._stack.enter_context(nobody())
        return {"endpoint_url": f"http://127.0.0.1:{port}"}, f"127.0.0.1:{port}: connection refused", "endpoint_url"

    def name(self):
        return {"endpoint_url": "http://cos.invalid"}, "cos.invalid: the host name cannot be resolved", "region"

    def proxy(self):
        port = self._stack.enter_context(nobody())
        return {"proxies": {"http": f"http://127.0.0.1:{port}"}}, "the proxy failed", "HTTPS_PROXY"

    def certificate(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._request.getfixturevalue("certificate")[0])
        server = ScriptedServer(context)
        self._stack.callback(server.stop)
        return {"endpoint_url": server.url}, "its certificate was not accepted, self-signed", "verify_ssl"

    def no_tls(self):
        return {"endpoint_url": self._cos.url.replace("http", "https")}, "TLS failed", "speaks TLS"

    def tls_reset(self):
        port = self._stack.enter_context(resets())
        return {"endpoint_url": f"https://127.0.0.1:{port}"}, "the connection was reset", "Check the network"

    def tls_silence(self):
        port = self._stack.enter_context(silence())
        extra = {"endpoint_url": f"https://127.0.0.1:{port}", "timeout": 0.05}
        return extra, "nothing came within 0.05 seconds", "timeout"


FAULTS = ["refused", "name", "proxy", "certificate", "no_tls", "tls_reset", "tls_silence"]


@pytest.fixture
def broken(request, cos, monkeypatch):
    """Break the way to COS; return what the user reads of it."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    with ExitStack() as stack:
        extra, what, hint = getattr(Broken(request, cos, stack), request.param)()
        connect(monkeypatch, cos, **extra)
        yield what, hint


@pytest.mark.parametrize(
    ("broken", "make", "preflight"),
    [
        *(pytest.param(fault, new_context, False, id=f"{fault}-state-store") for fault in FAULTS),
        # Each fault goes one way through the retries: one stands for all.
        pytest.param("refused", new_context, True, id="refused-state-store-preflight"),
        pytest.param("tls_silence", old_context, False, id="tls_silence-no-state-store"),
        pytest.param("refused", old_context, True, id="refused-no-state-store-preflight"),
    ],
    indirect=["broken"],
)
def test_without_a_way_to_cos_nothing_is_submitted_until_a_retry_finds_one(cos, broken, monkeypatch, make, preflight):
    pauses = record_pauses(monkeypatch)
    # In the minutes before midnight a first attempt without a store would look for a report before it submits.
    monkeypatch.setattr(submission, "_SKEW", timedelta())
    context = make()
    failed = attempt(context, preflight=preflight)
    assert type(failed.error) is COSInventoryTransientError
    assert not failed.is_final
    what, hint = broken
    assert what in failed.error.message
    assert hint in failed.error.hint
    assert "may have" not in str(failed.error)
    assert "Whether" not in str(failed.error)
    assert failed.error.bucket == (DESTINATION if preflight else SOURCE)
    assert len(pauses) == TRIES - 1
    assert all(0.25 <= pause <= 2.0**number for number, pause in enumerate(pauses))
    assert cos.accepted_posts(SOURCE) == 0

    connect(monkeypatch, cos)
    assert attempt(context, preflight=preflight).submitted == SUBMITTED
    assert attempt(context, preflight=preflight).submitted[0] is True
    assert cos.accepted_posts(SOURCE) == 1


@pytest.mark.parametrize(
    ("broken", "make"),
    [*((fault, new_context) for fault in FAULTS), ("refused", old_context)],
    ids=[*(f"{fault}-state-store" for fault in FAULTS), "refused-no-state-store"],
    indirect=["broken"],
)
def test_a_chosen_id_that_another_took_meanwhile_is_not_taken_for_its_own(cos, broken, monkeypatch, make):
    record_pauses(monkeypatch)
    context = make()
    assert type(attempt(context, inventory_id="mine", preflight=False).error) is COSInventoryTransientError
    connect(monkeypatch, cos)
    assert attempt(new_context(**task(task_id="other")), inventory_id="mine").submitted == SUBMITTED
    refused = attempt(context, inventory_id="mine", preflight=False)
    assert isinstance(refused.error, COSInventoryDuplicateError)
    assert refused.is_final
    assert cos.accepted_posts(SOURCE) == 1
