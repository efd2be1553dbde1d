# SPDX-License-Identifier: Apache-2.0
"""What COS refuses: one POST, no retry, and an error with code, message, request id and what to do."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
)
from tests.conftest import SOURCE
from tests.reliability.attempts import POST, SUBMITTED, attempt, connect, count_posts, each_airflow, new_context

PERMISSION, NOT_FOUND, REFUSED = COSInventoryPermissionError, COSInventoryNotFoundError, COSInventoryRequestError

# The codes of the reference (436/7730) that a POST can get, and a word of what to do.
CODES = [
    (400, "BadDigest", REFUSED, "proxy that rewrites requests"),
    (400, "BadRequest", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "BucketAccelerateNotEnabled", REFUSED, "regional domain"),
    (400, "ActionAccelerateNotSupported", REFUSED, "regional domain"),
    (400, "EntitySizeNotMatch", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "ExpiredToken", PERMISSION, "renew SecretId, SecretKey and token"),
    (400, "IncompleteBody", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "InvalidArgument", REFUSED, "destination, filter and fields"),
    (400, "InvalidBucketName", REFUSED, "name with its APPID"),
    (400, "InvalidDigest", REFUSED, "Content-MD5"),
    (400, "InvalidRegionName", REFUSED, "Check the region"),
    (400, "InvalidRequest", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "InvalidTag", REFUSED, "tags of the filter"),
    (400, "InvalidURI", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "InventoryFull", REFUSED, "1,000 inventories"),
    (400, "MalformedXML", REFUSED, "could not read the configuration"),
    (400, "MissingRequestBodyError", REFUSED, "Check bucket, region and endpoint_url"),
    (400, "NotSupportedStorageClass", REFUSED, "storage classes of the filter"),
    (400, "TargetBucketNameInvalid", REFUSED, "destination bucket as name-APPID"),
    (400, "TooManyConfigurations", REFUSED, "1,000 inventories"),
    (400, "XMLSizeLimit", REFUSED, "Check bucket, region and endpoint_url"),
    (402, "PaymentRequired", REFUSED, "overdue payments"),
    (403, "AccessDenied", PERMISSION, "name/cos:PostBucketInventory"),
    (403, "InvalidAccessKeyId", PERMISSION, "SecretId and SecretKey"),
    (403, "PathStyleDomainForbidden", PERMISSION, "Host header"),
    (403, "Request has expired", PERMISSION, "clock of this machine"),
    (403, "RequestTimeTooSkewed", PERMISSION, "clock of this machine"),
    (403, "SignatureDoesNotMatch", PERMISSION, "SecretId and SecretKey"),
    (403, "UserNotSourceBucketOwner", PERMISSION, "owns the source bucket"),
    (403, "UserNotTargetBucketOwner", PERMISSION, "owns the destination bucket"),
    (404, "NoSuchBucket", NOT_FOUND, "It may also be the destination bucket"),
    (405, "MethodNotAllowed", REFUSED, "finance regions"),
    (451, "UnavailableForLegalReasons", REFUSED, "overdue payments"),
    (501, "NotImplemented", REFUSED, "does not know this call"),
]
# COS may put the reason into the message below a plain AccessDenied.
REASONS = [row for row in CODES if row[0] == 403 and row[1] != "AccessDenied"]
# A gateway answers without a document.
STATUSES = [
    (400, REFUSED, "Check bucket, region and endpoint_url"),
    (401, PERMISSION, "SecretId and SecretKey"),
    (403, PERMISSION, "COS gave no reason. Allow the caller name/cos:PostBucketInventory"),
    (404, NOT_FOUND, "name with its APPID"),
    (405, REFUSED, "finance regions"),
    (407, REFUSED, "proxy wants a user"),
    (413, REFUSED, "too large"),
    (451, REFUSED, "overdue payments"),
]


def assert_refused_at_once(cos, context, *, cls, hint, **parameters):
    posts = count_posts(cos)
    refused = attempt(context, **parameters)
    assert type(refused.error) is cls
    assert refused.is_final
    assert hint in refused.error.hint
    # What Airflow shows holds it all.
    for told in (refused.error.code, refused.error.status, refused.error.request_id, refused.error.hint):
        assert told is None or str(told) in str(refused.error)
    assert refused.error.request_id
    assert posts() == 1
    assert cos.accepted_posts(SOURCE) == 0
    return refused.error


@pytest.mark.parametrize(("status", "code", "cls", "hint"), CODES, ids=[f"{row[0]}-{row[1]}" for row in CODES])
def test_each_code_fails_at_once_with_what_to_do(cos, status, code, cls, hint):
    cos.fault(action=POST, status=status, code=code, message="What COS says.", times=None)
    error = assert_refused_at_once(cos, new_context(), cls=cls, hint=hint)
    assert (error.code, error.status, error.bucket) == (code, status, SOURCE)
    assert error.message == "POST Bucket inventory failed: What COS says."
    assert error.trace_id


@pytest.mark.parametrize(("status", "code", "cls", "hint"), REASONS, ids=[row[1] for row in REASONS])
def test_a_reason_below_a_plain_access_denied_is_found(cos, status, code, cls, hint):
    cos.fault(action=POST, status=403, code="AccessDenied", message=f"{code}: see the manual.", times=None)
    error = assert_refused_at_once(cos, new_context(), cls=cls, hint=hint)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert code in error.message


@pytest.mark.parametrize("body", ["", "<html>Forbidden</html>"], ids=["empty", "html"])
@pytest.mark.parametrize(("status", "cls", "hint"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_each_status_without_a_code_fails_at_once_with_what_to_do(cos, status, cls, hint, body):
    cos.fault(action=POST, status=status, body=body, times=None)
    error = assert_refused_at_once(cos, new_context(), cls=cls, hint=hint)
    assert (error.code, error.status) == (None, status)


def test_the_permissions_and_the_role_that_a_submission_needs_are_named(cos):
    cos.fault(action=POST, status=403, code="AccessDenied")
    error = assert_refused_at_once(cos, new_context(), cls=PERMISSION, hint="name/cos:PutObject on the destination")
    assert "COS_QcsRole" in error.hint


@each_airflow
def test_a_refused_task_that_is_repaired_and_cleared_submits_once(cos, make):
    context = make()
    cos.fault(action=POST, status=403, code="AccessDenied")
    assert attempt(context).is_final
    context["ti"].max_tries = 1
    assert attempt(context).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1


class TestWhatTheEmulatorRefusesByItself:
    """As in the table, but for a reason that the emulator finds as COS does."""

    def use(self, cos, monkeypatch, secret_id, secret_key, **extra):
        cos.secret_id, cos._secret_key = secret_id, secret_key
        connect(monkeypatch, cos, **extra)

    @pytest.fixture(params=[True, False], ids=["preflight", "no-preflight"])
    def refused(self, request, cos):
        """The error of a submission, which the preflight finds before it, if it is asked to."""

        def submit():
            posts = count_posts(cos)
            found = attempt(new_context(), preflight=request.param)
            assert found.is_final
            assert found.error.request_id
            assert posts() == (0 if request.param else 1)
            assert cos.accepted_posts(SOURCE) == 0
            return found.error

        return submit

    @pytest.mark.parametrize("hours", [-1, 3])
    def test_a_clock_that_is_hours_off(self, cos, refused, hours):
        # A signature holds for almost three.
        cos.set_clock_offset(hours * 3600)
        error = refused()
        assert type(error) is PERMISSION
        assert error.status == 403
        assert "Set the clock of this machine" in error.hint

    def test_a_token_that_has_expired(self, cos, monkeypatch, refused):
        cos.add_credential(secret_id="AKIDshort", secret_key="shortshort", token="tokentoken", expires_in=-1)
        self.use(cos, monkeypatch, "AKIDshort", "shortshort", token="tokentoken")
        error = refused()
        assert type(error) is PERMISSION
        assert (error.code, error.status) == ("ExpiredToken", 400)
        assert "renew SecretId, SecretKey and token" in error.hint
        assert "tokentoken" not in str(error)

    def test_a_key_that_is_not_known(self, cos, monkeypatch, refused):
        self.use(cos, monkeypatch, "AKIDnobody", "nobodynobody")
        error = refused()
        assert (type(error), error.code) == (PERMISSION, "InvalidAccessKeyId")
        assert "SecretId and SecretKey" in error.hint

    def test_a_wrong_secret_key(self, cos, monkeypatch, refused):
        self.use(cos, monkeypatch, cos.secret_id, "wrongwrongwrong")
        error = refused()
        assert (type(error), error.code) == (PERMISSION, "SignatureDoesNotMatch")
        assert "wrongwrongwrong" not in str(error)

    def test_a_missing_permission(self, cos, monkeypatch):
        cos.add_credential(secret_id="AKIDweak", secret_key="weakweakweak", deny=["cos:PostBucketInventory"])
        self.use(cos, monkeypatch, "AKIDweak", "weakweakweak")
        error = assert_refused_at_once(cos, new_context(), cls=PERMISSION, hint="name/cos:PostBucketInventory")
        assert (error.code, error.status) == ("AccessDenied", 403)
        assert "weakweakweak" not in str(error)

    def test_a_source_bucket_that_does_not_exist(self, cos):
        error = assert_refused_at_once(
            cos, new_context(), cls=NOT_FOUND, hint="name with its APPID", bucket="missing-1250000000"
        )
        assert (error.code, error.status, error.bucket) == ("NoSuchBucket", 404, "missing-1250000000")

    def test_a_destination_that_may_not_be_written_to(self, cos):
        cos.create_bucket("closedbucket-1250000000", accepts_reports=False)
        error = assert_refused_at_once(
            cos,
            new_context(),
            cls=PERMISSION,
            hint="name/cos:PutObject on the destination",
            destination_bucket="closedbucket-1250000000",
        )
        assert (error.code, error.status) == ("AccessDenied", 403)
