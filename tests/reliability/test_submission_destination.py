# SPDX-License-Identifier: Apache-2.0
"""A destination that cannot take the report is found before the POST; COS tells nobody when it cannot write there."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.attempts import (
    SUBMITTED,
    attempt,
    connect,
    count_posts,
    each_airflow,
    record_pauses,
)

MISSING = "missing-1250000000"
FARAWAY = "faraway-1250000000"


@pytest.fixture(params=[True, False], ids=["cos-looks", "cos-does-not-look"])
def emulator_settings(request):
    """Whether COS itself looks at the destination of a POST is not documented."""
    return EmulatorSettings(post_rate=0, check_destination=request.param)


def found_before_the_post(cos, context, *, cls, **parameters):
    posts = count_posts(cos)
    found = attempt(context, **parameters)
    assert type(found.error) is cls
    assert found.is_final
    assert (posts(), cos.accepted_posts(SOURCE)) == (0, 0)
    return found.error


def assert_left_to_cos_without_the_preflight(cos, context, **parameters):
    posts = count_posts(cos)
    outcome = attempt(context, preflight=False, **parameters)
    assert posts() == 1
    if cos.settings.check_destination:
        assert isinstance(outcome.error, COSInventoryRequestError)
        assert outcome.is_final
        assert cos.accepted_posts(SOURCE) == 0
    else:
        assert outcome.submitted == SUBMITTED
        assert cos.accepted_posts(SOURCE) == 1


@each_airflow
def test_one_that_does_not_exist(cos, make):
    error = found_before_the_post(cos, make(), cls=COSInventoryNotFoundError, destination_bucket=MISSING)
    assert (error.status, error.bucket, error.parameter) == (404, MISSING, "destination_bucket")
    assert error.request_id
    assert "does not exist in ap-guangzhou" in error.message
    assert "tells nobody when it cannot" in error.hint
    assert_left_to_cos_without_the_preflight(cos, make(), destination_bucket=MISSING)


@each_airflow
def test_one_in_another_region(cos, make):
    cos.create_bucket(FARAWAY, region="ap-beijing")
    error = found_before_the_post(cos, make(), cls=COSInventoryNotFoundError, destination_bucket=FARAWAY)
    assert (error.status, error.bucket, error.parameter) == (404, FARAWAY, "destination_bucket")
    assert error.request_id
    assert "only to a bucket of the source bucket's region" in error.hint
    assert_left_to_cos_without_the_preflight(cos, make(), destination_bucket=FARAWAY)


@each_airflow
def test_one_that_answers_from_another_region(cos, make):
    cos.fault(method="HEAD", headers={"x-cos-bucket-region": "ap-beijing"}, times=None)
    error = found_before_the_post(cos, make(), cls=COSInventoryConfigurationError)
    assert (error.bucket, error.parameter) == (DESTINATION, "destination_bucket")
    assert error.message == "The destination bucket is in ap-beijing, not in ap-guangzhou."
    assert attempt(make(), preflight=False).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1


@each_airflow
def test_one_that_may_not_be_looked_at(cos, monkeypatch, make):
    cos.add_credential(secret_id="AKIDblind", secret_key="blindblind", deny=["cos:HeadBucket"])
    cos.secret_id, cos._secret_key = "AKIDblind", "blindblind"
    connect(monkeypatch, cos)
    error = found_before_the_post(cos, make(), cls=COSInventoryPermissionError)
    assert (error.status, error.bucket) == (403, DESTINATION)
    assert error.request_id
    assert "name/cos:HeadBucket on this bucket, or set preflight=False" in error.hint
    assert attempt(make(), preflight=False).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1


@each_airflow
def test_one_that_cannot_be_looked_at_for_now_is_a_retry(cos, monkeypatch, make):
    record_pauses(monkeypatch)
    context, posts = make(), count_posts(cos)
    cos.fault(method="HEAD", status=503, times=5)
    failed = attempt(context)
    assert type(failed.error) is COSInventoryTransientError
    assert not failed.is_final
    assert (failed.error.status, failed.error.bucket) == (503, DESTINATION)
    assert posts() == 0
    assert attempt(context).submitted == SUBMITTED
    assert attempt(context).submitted[0] is True
    assert cos.accepted_posts(SOURCE) == 1
