# SPDX-License-Identifier: Apache-2.0
"""Answers to a submission that are none: accepted where COS has surely answered 2xx, otherwise a clear error."""

from __future__ import annotations

import tracemalloc

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryUnansweredError,
)
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    POST,
    SUBMITTED,
    attempt,
    count_posts,
    each_airflow,
    new_context,
    old_context,
    record_pauses,
)

MEBIBYTE = 1024 * 1024
#: Bytes of memory that an answer of any length or kind may cost, this emulator's part included.
MEMORY = 64 * MEBIBYTE
ACCEPTED_WITHOUT_JOB_ID = (False, False)

RESULT = "<PostInventoryResult><JobId>{}</JobId></PostInventoryResult>"
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))
HOSTILE = {
    "entity-bomb": f"<!DOCTYPE PostInventoryResult [{ENTITIES}]>{RESULT.format('&e9;')}",
    "external-entity": f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>{RESULT.format("&e;")}',
    "external-dtd": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">{RESULT.format("x")}',
    "deep": "<a>" * 100_000 + "</a>" * 100_000,
    "wide": f"<a>{'<b/>' * 200_000}</a>",
    "attributes": "<a {}/>".format(" ".join(f"a{n}=''" for n in range(50_000))),
}
UNREADABLE = {
    "empty": "",
    "blank": " \n",
    "html": "<html><body>Welcome</body></html>",
    "json": '{"JobId": "x"}',
    "truncated": RESULT.format("x")[:30],
    "no-job-id": "<PostInventoryResult/>",
    "empty-job-id": RESULT.format(" "),
    "other-document": "<ListBucketResult><JobId>x</JobId></ListBucketResult>",
    "zero-bytes": "\0" * 100,
}


def answers(bodies):
    return pytest.mark.parametrize("body", list(bodies.values()), ids=list(bodies))


def peak_of(act):
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_accepted_with_a_warning(cos, context):
    posts = count_posts(cos)
    first = attempt(context)
    assert first.submitted == ACCEPTED_WITHOUT_JOB_ID
    (warning,) = [line for line in first.log if "its JobId is not known" in line]
    assert first.job["inventory_id"] in warning
    assert (cos.accepted_posts(SOURCE), posts()) == (1, 1)
    again = attempt(context)
    assert again.submitted == (True, False)
    assert again.job["inventory_id"] == first.job["inventory_id"]
    assert cos.accepted_posts(SOURCE) == 1


@answers(UNREADABLE)
def test_what_cos_accepted_without_a_readable_job_id_is_accepted_once(cos, caplog, body):
    cos.fault(action=POST, handle=True, body=body)
    assert_accepted_with_a_warning(cos, new_context())
    # That of the client has what Tencent's support asks for.
    assert "request id" in caplog.text


def test_before_airflow_3_3_it_is_attached_to_by_the_retry_too(cos):
    cos.fault(action=POST, handle=True, body="")
    assert_accepted_with_a_warning(cos, old_context())


@pytest.mark.parametrize("cut_after", [0, 30])
def test_an_answer_that_ends_too_early_is_accepted_once(cos, cut_after):
    cos.fault(action=POST, cut_after=cut_after)
    assert_accepted_with_a_warning(cos, new_context())


@pytest.mark.integration
def test_an_answer_of_100_mb_is_accepted_in_bounded_memory(cos):
    cos.fault(action=POST, pad_to=100 * MEBIBYTE)
    _, peak = peak_of(lambda: assert_accepted_with_a_warning(cos, new_context()))
    assert peak < MEMORY


@pytest.mark.integration
@pytest.mark.parametrize("status", [403, 500])
def test_an_error_of_100_mb_is_an_error_in_bounded_memory(cos, monkeypatch, status):
    record_pauses(monkeypatch)
    cos.fault(action=POST, status=status, body="<html>", pad_to=100 * MEBIBYTE, times=None)
    outcome, peak = peak_of(lambda: attempt(new_context()))
    assert peak < MEMORY
    assert type(outcome.error) is (COSInventoryPermissionError if status == 403 else COSInventoryUnansweredError)
    assert outcome.is_final is (status == 403)
    assert outcome.error.status == status
    assert len(str(outcome.error)) < 1000
    assert cos.accepted_posts(SOURCE) == 0


@pytest.mark.integration
@answers(HOSTILE)
def test_what_cos_accepted_with_a_hostile_document_is_accepted_once_in_bounded_memory(cos, body):
    cos.fault(action=POST, handle=True, body=body)
    _, peak = peak_of(lambda: assert_accepted_with_a_warning(cos, new_context()))
    assert peak < MEMORY


@answers(HOSTILE)
def test_a_hostile_error_document_is_an_error_told_by_its_status(cos, body):
    cos.fault(action=POST, status=403, body=body)
    refused = attempt(new_context())
    assert type(refused.error) is COSInventoryPermissionError
    assert refused.is_final
    assert (refused.error.status, refused.error.code) == (403, None)
    assert refused.error.request_id
    assert cos.accepted_posts(SOURCE) == 0


def test_a_long_message_is_cut(cos):
    cos.fault(action=POST, status=400, code="InvalidArgument", message="x" * 100_000)
    refused = attempt(new_context())
    assert refused.is_final
    assert "InvalidArgument" in str(refused.error)
    assert len(str(refused.error)) < 1000


def test_an_error_document_with_status_200_is_an_error(cos):
    body = "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"
    cos.fault(action=POST, status=200, body=body, content_type="application/xml")
    refused = attempt(new_context())
    assert isinstance(refused.error, COSInventoryRequestError)
    assert refused.is_final
    assert (refused.error.code, refused.error.status) == ("AccessDenied", 200)
    assert refused.error.request_id
    assert "name/cos:PostBucketInventory" in refused.error.hint
    assert cos.accepted_posts(SOURCE) == 0


@each_airflow
@pytest.mark.parametrize("handled", [True, False], ids=["accepted", "not-accepted"])
@pytest.mark.parametrize("body", ["", "<html>Log in</html>", "{}"], ids=["empty", "html", "json"])
def test_a_200_that_is_not_of_cos_is_a_clear_error_that_tells_what_is_not_known(cos, make, handled, body):
    posts = count_posts(cos)
    cos.fault(action=POST, handle=handled, body=body, headers={"x-cos-request-id": ""})
    failed = attempt(make())
    assert type(failed.error) is COSInventoryRequestError
    assert failed.is_final
    assert (failed.error.status, failed.error.request_id) == (200, None)
    assert "not one of COS, which always sends a request id" in failed.error.message
    assert "Check endpoint_url and proxies" in failed.error.hint
    assert failed.error.hint.count("Whether COS has accepted the inventory is not known") == 1
    assert (posts(), cos.accepted_posts(SOURCE)) == (1, 1 if handled else 0)


@each_airflow
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_clear_error_and_not_followed(cos, make, status):
    posts = count_posts(cos)
    location = f"{cos.url}/?inventory&id=x&sign=secret"
    cos.fault(action=POST, status=status, headers={"location": location}, times=None)
    redirected = attempt(make())
    assert type(redirected.error) is COSInventoryRequestError
    assert redirected.is_final
    assert redirected.error.status == status
    assert redirected.error.request_id
    assert "was redirected to 127.0.0.1" in redirected.error.message
    assert "Redirects are not followed" in redirected.error.hint
    assert "secret" not in str(redirected.error)
    assert (posts(), cos.accepted_posts(SOURCE)) == (1, 0)


def test_an_answer_without_surprises_is_the_job(cos):
    assert attempt(new_context()).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1
