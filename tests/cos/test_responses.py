# SPDX-License-Identifier: Apache-2.0
"""One table of answers for both halves of the client."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET
from tests.cos.scripted_server import REQUEST_ID, Reply, error_reply

PERMISSION, NOT_FOUND, REFUSED = COSInventoryPermissionError, COSInventoryNotFoundError, COSInventoryRequestError
TRANSIENT, THROTTLED = COSInventoryTransientError, COSInventoryThrottledError

HTML = b"<html><body><h1>Bad gateway</h1></body></html>"
BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><Error><Code>&c;</Code></Error>'

CODES = [
    (400, "ExpiredToken", PERMISSION, "renew SecretId, SecretKey and token"),
    (400, "InvalidArgument", REFUSED, "message of COS"),
    (400, "MalformedXML", REFUSED, "could not read the configuration"),
    (400, "InvalidDigest", REFUSED, "Content-MD5"),
    (400, "BadDigest", REFUSED, "arrived changed"),
    (400, "InventoryFull", REFUSED, "1,000 inventories"),
    (400, "TooManyConfigurations", REFUSED, "1,000 inventories"),
    (400, "InvalidBucketName", REFUSED, "ap-guangzhou"),
    (400, "InvalidRegionName", REFUSED, "region"),
    (400, "ActionAccelerateNotSupported", REFUSED, "regional domain"),
    (400, "BucketAccelerateNotEnabled", REFUSED, "regional domain"),
    (400, "SomethingNew", REFUSED, "endpoint_url"),
    (400, "DuplicateInventoryId", COSInventoryDuplicateError, "another inventory id"),
    (409, "DuplicateInventoryId", COSInventoryDuplicateError, "another inventory id"),
    (400, "RequestTimeout", TRANSIENT, "in time"),
    (402, "PaymentRequired", REFUSED, "overdue"),
    (403, "AccessDenied", PERMISSION, "name/cos:GetObject"),
    (403, "InvalidAccessKeyId", PERMISSION, "SecretId"),
    (403, "SignatureDoesNotMatch", PERMISSION, "SecretKey"),
    (403, "RequestTimeTooSkewed", PERMISSION, "clock"),
    (403, "Request has expired", PERMISSION, "clock"),
    (403, "UserNotSourceBucketOwner", PERMISSION, "owns the source bucket"),
    (403, "UserNotTargetBucketOwner", PERMISSION, "owns the destination bucket"),
    (403, "PathStyleDomainForbidden", PERMISSION, "Host header"),
    (403, "InvalidObjectState", PERMISSION, "restore"),
    (404, "NoSuchBucket", NOT_FOUND, "APPID"),
    (404, "NoSuchKey", NOT_FOUND, "lifecycle rule or a person deleted it"),
    (405, "MethodNotAllowed", REFUSED, "finance regions"),
    (409, "PathConflict", REFUSED, None),
    (451, "UnavailableForLegalReasons", REFUSED, "overdue"),
    (500, "InternalError", TRANSIENT, "later"),
    (501, "NotImplemented", REFUSED, "does not know this call"),
    (503, "ServiceUnavailable", TRANSIENT, "later"),
    (503, "SlowDown", THROTTLED, "one a second"),
]


def refused(half, settings):
    with pytest.raises(COSInventoryError) as caught:
        half.call(settings, "get_object", BUCKET, "inv/manifest.checksum", max_bytes=100)
    return caught.value


@pytest.mark.parametrize(("status", "code", "cls", "hint"), CODES, ids=[f"{row[0]}-{row[1]}" for row in CODES])
def test_each_code_of_cos_is_an_error_of_its_class_with_what_to_do(half, server, settings, status, code, cls, hint):
    server.answer(error_reply(status, code, "What COS says."))
    error = refused(half, settings)
    assert type(error) is cls
    assert error.details() == {
        "code": code,
        "status": status,
        "request_id": REQUEST_ID,
        "trace_id": "trace",
        "bucket": BUCKET,
        "key": "inv/manifest.checksum",
    } | ({"hint": error.hint} if hint else {})
    assert error.message == "GET Object failed: What COS says."
    assert hint is None or hint in error.hint
    assert "{" not in str(error)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("InvalidAccessKeyId", "SecretId"),
        ("Request has expired", "clock"),
        ("RequestTimeTooSkewed", "clock"),
        ("SignatureDoesNotMatch", "SecretKey"),
        ("Access Denied.", "name/cos:GetObject"),
    ],
)
def test_the_reason_below_a_plain_access_denied_is_found_in_the_message(half, server, settings, message, hint):
    server.answer(error_reply(403, "AccessDenied", message))
    error = refused(half, settings)
    assert type(error) is PERMISSION
    assert error.code == "AccessDenied"
    assert hint in error.hint


STATUSES = [
    (400, REFUSED), (401, PERMISSION), (402, REFUSED), (403, PERMISSION), (404, NOT_FOUND), (405, REFUSED),
    (407, REFUSED), (408, TRANSIENT), (413, REFUSED), (418, REFUSED), (429, THROTTLED), (451, REFUSED),
    (500, TRANSIENT), (501, REFUSED), (502, TRANSIENT), (503, TRANSIENT), (504, TRANSIENT), (505, REFUSED),
    (599, TRANSIENT),
]  # fmt: skip
BODIES = {
    "empty": b"",
    "html": HTML,
    "cut-off": b"<Error><Code>AccessDen",
    "bomb": BOMB,
    "latin": b"\xff\xfe<",
    "json": b"{}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("status", "cls"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_an_error_without_a_document_is_told_by_its_status(half, server, settings, status, cls, body):
    server.answer(Reply(status=status, body=body))
    error = refused(half, settings)
    assert type(error) is cls
    assert (error.code, error.status, error.request_id) == (None, status, REQUEST_ID)
    assert "bbbb" not in str(error)


def test_where_a_404_may_mean_bucket_or_object_the_error_says_so(half, server, settings):
    server.answer(Reply(status=404))
    assert "whether the object or the bucket is missing" in refused(half, settings).hint


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_redirect_is_an_error_that_names_the_host_and_no_more(half, server, settings, status):
    location = "https://elsewhere.example/x?q-signature=abcdef"
    server.answer(Reply(status=status, headers={"Location": location}, announce=status != 304))
    error = refused(half, settings)
    assert type(error) is REFUSED
    assert "redirected to elsewhere.example." in error.message
    assert "abcdef" not in str(error)
    assert len(server.seen) == 1


def test_an_error_body_without_end_is_not_read_to_its_end(half, server, settings):
    server.answer(Reply(status=403, body=b"x" * 1024 * 1024, repeat=100))
    assert type(refused(half, settings)) is PERMISSION


def test_an_error_body_that_is_cut_still_counts_by_its_status(half, server, settings):
    server.answer(Reply(status=403, body=b"<Error>" * 50, cut_after=20))
    assert type(refused(half, settings)) is PERMISSION


def test_a_long_message_of_cos_is_shortened(half, server, settings):
    server.answer(error_reply(400, "InvalidArgument", "x" * 5000))
    assert len(str(refused(half, settings))) < 1000


TRIES = [("InternalError", 500, 3), ("SlowDown", 503, 5), ("AccessDenied", 403, 1), ("NoSuchKey", 404, 1)]


@pytest.mark.parametrize(("code", "status", "tries"), TRIES)
def test_only_what_may_heal_is_tried_again_and_throttling_more_patiently(half, server, settings, code, status, tries):
    server.answer(error_reply(status, code))
    refused(half, settings)
    assert len(server.seen) == tries


def test_a_request_succeeds_once_the_service_recovers(half, server, settings):
    server.answer(error_reply(503, "SlowDown"), error_reply(500, "InternalError"), Reply(body=b"abc"))
    assert half.call(settings, "get_object", BUCKET, "k", max_bytes=3).body == b"abc"
    assert len(server.seen) == 3
