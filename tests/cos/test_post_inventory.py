# SPDX-License-Identifier: Apache-2.0
"""POST Bucket inventory: what is accepted is known to be, and no second one is started."""

from __future__ import annotations

import base64
import hashlib
import logging
import socket
import threading
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryDuplicateError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import REQUEST_ID, RESET, Reply, ScriptedServer, error_reply
from tests.cos.test_objects import SERVER_TIME
from tests.cos.test_responses import BOMB, HTML

ACCEPTED = Reply(body=b"<PostInventoryResult>\n<JobId>Dgesgeqzd0dd==</JobId>\n</PostInventoryResult>")
DUPLICATE = error_reply(409, "DuplicateInventoryId")
HANGING = Reply(delay=0.4)


def submit(settings, configuration):
    with COSClient(settings=settings, retry_policy=QUICK) as client:
        return client.post_bucket_inventory(BUCKET, configuration)


def test_the_request_is_that_of_the_page_and_the_job_id_comes_back(server, settings, configuration):
    server.answer(ACCEPTED)
    job = submit(settings, configuration)
    assert (job.job_id, job.request_id, job.server_time, job.attached) == (
        "Dgesgeqzd0dd==",
        REQUEST_ID,
        SERVER_TIME,
        False,
    )
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", "/?inventory=&id=disposable")
    assert seen.headers["content-type"] == "application/xml"
    assert seen.headers["content-md5"] == base64.b64encode(hashlib.md5(seen.body).digest()).decode()
    assert "q-url-param-list=id;inventory" in seen.headers["authorization"]
    assert b"IsEnabled" not in seen.body
    assert b"<Id>disposable</Id>" in seen.body


def test_a_namespace_does_not_hide_the_job_id(server, settings, configuration):
    server.answer(Reply(body=b'<PostInventoryResult xmlns="http://x"><JobId>j</JobId></PostInventoryResult>'))
    assert submit(settings, configuration).job_id == "j"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(),
        Reply(body=b" \n"),
        Reply(status=204),
        Reply(body=b"<PostInventoryResult/>"),
        Reply(body=HTML),
        Reply(body=ACCEPTED.body[:30]),
        Reply(body=ACCEPTED.body, cut_after=30),
        Reply(body=ACCEPTED.body, cut_after=0),
        Reply(body=BOMB),
        Reply(body=b"\xff\xfe\x00"),
        Reply(body=b'<?xml version="1.0" encoding="klingon"?><PostInventoryResult/>'),
        Reply(body=b"x" * 1024 * 1024, repeat=100),
    ],
    ids=[
        "empty", "blank", "204", "no-job-id", "html", "truncated", "cut", "cut-at-once", "bomb", "binary", "encoding",
        "100-mb",
    ],
)  # fmt: skip
def test_what_cos_accepted_without_a_readable_job_id_is_accepted_once_with_a_warning(
    server, settings, configuration, caplog, reply
):
    server.answer(reply)
    with caplog.at_level(logging.WARNING):
        job = submit(settings, configuration)
    assert (job.job_id, job.request_id, job.attached) == (None, REQUEST_ID, False)
    assert len(server.seen) == 1
    (record,) = caplog.records
    assert "JobId is not known" in record.getMessage()


@pytest.mark.parametrize("body", [HTML, b"", b"{}"], ids=["html", "empty", "json"])
def test_an_answer_that_is_not_one_of_cos_is_a_clear_error(server, settings, configuration, body):
    server.answer(Reply(body=body, bare=True))
    with pytest.raises(COSInventoryRequestError, match="not one of COS") as caught:
        submit(settings, configuration)
    assert type(caught.value) is COSInventoryRequestError
    assert "cannot start a second one" in caught.value.hint


def test_an_error_document_with_status_200_is_an_error(server, settings, configuration):
    server.answer(replace(error_reply(403, "AccessDenied"), status=200))
    with pytest.raises(COSInventoryRequestError) as caught:
        submit(settings, configuration)
    assert caught.value.code == "AccessDenied"


@pytest.mark.parametrize(
    "fault",
    [RESET, HANGING, *(Reply(status=status, body=HTML) for status in (500, 502, 503, 504)),
     error_reply(500, "InternalError"), error_reply(503, "ServiceUnavailable")],
    ids=["reset", "time-out", "500", "502", "503", "504", "InternalError", "ServiceUnavailable"],
)  # fmt: skip
def test_a_duplicate_after_a_lost_answer_is_the_own_submission(server, impatient, configuration, caplog, fault):
    server.answer(fault, DUPLICATE)
    with caplog.at_level(logging.WARNING):
        job = submit(impatient, configuration)
    assert (job.job_id, job.request_id, job.attached, job.server_time) == (None, REQUEST_ID, True, SERVER_TIME)
    assert {seen.target for seen in server.seen} == {"/?inventory=&id=disposable"}
    assert len({seen.body for seen in server.seen}) == 1
    assert "earlier try" in caplog.text


def test_a_lost_answer_is_remembered_over_later_faults_of_another_kind(server, settings, configuration):
    server.answer(RESET, error_reply(503, "SlowDown"), DUPLICATE)
    assert submit(settings, configuration).attached


def test_a_lost_request_that_cos_did_not_accept_is_submitted_by_the_next_try(server, settings, configuration):
    server.answer(RESET, ACCEPTED)
    job = submit(settings, configuration)
    assert (job.job_id, job.attached) == ("Dgesgeqzd0dd==", False)


@pytest.mark.parametrize(
    "before",
    [(), (error_reply(503, "SlowDown"),), (Reply(status=429),), (error_reply(400, "RequestTimeout"),)],
    ids=["at-once", "after-throttling", "after-429", "after-a-body-that-did-not-arrive"],
)
def test_a_duplicate_of_somebody_else_is_an_error(server, settings, configuration, before):
    server.answer(*before, DUPLICATE)
    with pytest.raises(COSInventoryDuplicateError) as caught:
        submit(settings, configuration)
    assert caught.value.code == "DuplicateInventoryId"
    assert len(server.seen) == len(before) + 1


def test_a_duplicate_after_a_refused_connection_is_an_error(settings, configuration):
    # The first tries meet a port where nobody listens; then the server is there.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    late = []

    def start():
        late.append(ScriptedServer(port=port, first=DUPLICATE))

    timer = threading.Timer(0.1, start)
    timer.start()
    patient = RetryPolicy(attempts=500, first_wait=0.01, max_wait=0.01)
    there = replace(settings, endpoint_url=f"http://127.0.0.1:{port}")
    try:
        with COSClient(settings=there, retry_policy=patient) as client, pytest.raises(COSInventoryDuplicateError):
            client.post_bucket_inventory(BUCKET, configuration)
    finally:
        timer.join()
        late[0].stop()
    assert len(late[0].seen) == 1


def test_a_fault_that_the_caller_is_handling_is_not_taken_for_one_of_this_call(server, settings, configuration):
    server.answer(RESET, DUPLICATE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = replace(settings, endpoint_url=f"http://127.0.0.1:{probe.getsockname()[1]}")
    try:
        submit(nowhere, configuration)
    except COSInventoryTransientError:
        assert submit(settings, configuration).attached


def test_each_call_begins_without_the_memory_of_another(server, settings, configuration):
    server.answer(RESET, ACCEPTED, DUPLICATE)
    with COSClient(settings=settings, retry_policy=QUICK) as client:
        client.post_bucket_inventory(BUCKET, configuration)
        with pytest.raises(COSInventoryDuplicateError):
            client.post_bucket_inventory(BUCKET, configuration)


def test_throttling_is_waited_out(server, settings, configuration):
    server.answer(*[error_reply(503, "SlowDown")] * 4, ACCEPTED)
    assert submit(settings, configuration).job_id == "Dgesgeqzd0dd=="
    server.answer(error_reply(503, "SlowDown"))
    with pytest.raises(COSInventoryThrottledError):
        submit(settings, configuration)


def test_a_submission_that_is_lost_at_every_try_is_a_transient_error(server, impatient, configuration):
    server.answer(HANGING)
    with pytest.raises(COSInventoryTransientError, match=r"POST Bucket inventory .* nothing came within 0.15 seconds"):
        submit(impatient, configuration)
    assert len(server.seen) == 3


def test_a_refusal_names_the_permissions_on_both_buckets_and_the_role(server, settings, configuration):
    server.answer(error_reply(403, "AccessDenied"))
    with pytest.raises(COSInventoryPermissionError) as caught:
        submit(settings, configuration)
    for needed in ("name/cos:PostBucketInventory", "name/cos:PutObject", "COS_QcsRole"):
        assert needed in caught.value.hint
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirected_submission_is_an_error_and_not_a_success(server, settings, configuration, status):
    server.answer(Reply(status=status, headers={"Location": "https://x.example/"}))
    with pytest.raises(COSInventoryRequestError, match=r"redirected to x\.example"):
        submit(settings, configuration)
    assert len(server.seen) == 1


def test_a_wrong_bucket_is_refused_before_any_request(server, settings, configuration):
    with pytest.raises(COSInventoryConfigurationError), COSClient(settings=settings, retry_policy=QUICK) as client:
        client.post_bucket_inventory("no-appid", configuration)
    assert not server.seen
