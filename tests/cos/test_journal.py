# SPDX-License-Identifier: Apache-2.0
"""What a submission tells its caller to record, and when: a crash at any moment must leave a true record."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.exceptions import COSInventoryError, COSInventoryTransientError
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import RESET, Reply, ScriptedServer, error_reply
from tests.cos.test_network_errors import certificate, nobody  # noqa: F401  fixtures

ACCEPTED = Reply(body=b"<PostInventoryResult><JobId>j</JobId></PostInventoryResult>")
SLOW_DOWN = error_reply(503, "SlowDown")


class Journal:
    """Notes what it is told, and how many requests the server had seen by then."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self.told: list[str] = []
        self.seen: list[int] = []

    def sending(self) -> None:
        self._note("sending")

    def refused(self) -> None:
        self._note("refused")

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.seen.append(len(self._server.seen))


@pytest.fixture
def journal(server):
    return Journal(server)


def submit(settings, configuration, journal):
    with COSClient(settings=settings, retry_policy=QUICK) as client:
        return client.post_bucket_inventory(BUCKET, configuration, journal=journal)


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ([ACCEPTED], ["sending"]),
        ([SLOW_DOWN, ACCEPTED], ["sending", "refused", "sending"]),
        ([error_reply(403, "AccessDenied")], ["sending", "refused"]),
        ([error_reply(409, "DuplicateInventoryId")], ["sending", "refused"]),
        ([RESET, ACCEPTED], ["sending"]),
        ([RESET], ["sending"]),
        ([error_reply(503, "ServiceUnavailable"), SLOW_DOWN, ACCEPTED], ["sending"]),
        ([RESET, error_reply(403, "AccessDenied")], ["sending"]),
        # A gateway answered: what COS did is not known.
        ([Reply(body=b"<html>Log in</html>", bare=True)], ["sending"]),
        ([Reply(status=302, headers={"Location": "http://127.0.0.1:1/"})], ["sending"]),
    ],
    ids=[
        "accepted",
        "throttled",
        "forbidden",
        "duplicate",
        "lost",
        "all-lost",
        "lost-then-throttled",
        "lost-then-forbidden",
        "gateway",
        "redirect",
    ],
)
def test_journal_knows_whether_cos_may_have_accepted(server, settings, configuration, journal, replies, told):
    server.answer(*replies)
    try:
        submit(settings, configuration, journal)
    except COSInventoryError:
        assert replies[-1] is not ACCEPTED
    assert journal.told == told
    assert journal.seen[0] == 0


def test_journal_is_told_on_a_connection_that_was_kept(server, settings, configuration, journal):
    server.answer(Reply(), ACCEPTED)
    with COSClient(settings=settings, retry_policy=QUICK) as client:
        client.head_bucket(BUCKET)
        client.post_bucket_inventory(BUCKET, configuration, journal=journal)
        client.head_bucket(BUCKET)
    assert len({seen.connection for seen in server.seen}) == 1
    assert (journal.told, journal.seen) == (["sending"], [1])


class TestNoConnection:
    """Nothing has left, so that nothing is recorded."""

    def test_refused(self, settings, configuration, journal, nobody):  # noqa: F811  the fixture
        self._fail(replace(settings, endpoint_url=f"http://127.0.0.1:{nobody}"), configuration, journal)

    def test_certificate(self, settings, configuration, journal, certificate):  # noqa: F811  the fixture
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[0])
        server = ScriptedServer(context)
        try:
            self._fail(replace(settings, endpoint_url=server.url), configuration, journal)
        finally:
            server.stop()

    def test_tunnel(self, server, settings, configuration, journal):
        # The proxy gets a CONNECT, and refuses it.
        tunnelled = replace(settings, endpoint_url="https://cos.invalid", proxies={"https": server.url})
        self._fail(tunnelled, configuration, journal)

    def _fail(self, settings, configuration, journal):
        with pytest.raises(COSInventoryTransientError):
            submit(settings, configuration, journal)
        assert journal.told == []


@pytest.mark.parametrize("cls", [COSInventoryTransientError, BrokenPipeError], ids=["ours", "broken-pipe"])
def test_post_is_not_sent_where_the_journal_fails(server, settings, configuration, journal, monkeypatch, cls):
    cause = ValueError("of the store")
    failure = cls("The store is away.")

    def fail():
        raise failure from cause

    monkeypatch.setattr(journal, "sending", fail)
    with pytest.raises(cls) as raised:
        submit(settings, configuration, journal)
    assert raised.value is failure
    assert raised.value.__cause__ is cause
    assert server.seen == []
