# SPDX-License-Identifier: Apache-2.0
"""Credentials that the connection does not store, through the hook: from real services over HTTP to a signature."""

from __future__ import annotations

import json
import sys
import threading
import time

import pytest

from airflow_provider_cosinv.cos.credentials import shared as shared_credentials
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
    COSInventoryUnansweredError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration
from tests.conftest import DESTINATION, SOURCE
from tests.support.cloud import CALLER, EXTERNAL_ID, ROLE, ROLE_ARN, Answer, refusal

# The library's, on Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ROLE_OF = {"credential": "assume_role", "role_arn": ROLE_ARN}
STORED = {"login": CALLER[0], "password": CALLER[1]}
EVERY_SOURCE = {
    "environment": {"credential": "environment"},
    "cvm_role": {"credential": "cvm_role"},
    "tke_oidc": {"credential": "tke_oidc"},
    "assume_role by a stored key": {**ROLE_OF, **STORED},
    "assume_role by the environment": {**ROLE_OF, "credential_source": "environment"},
    "assume_role by the machine": {**ROLE_OF, "credential_source": "cvm_role"},
    "assume_role by the pod": {**ROLE_OF, "credential_source": "tke_oidc"},
}
RENEWED = {name: EVERY_SOURCE[name] for name in ("cvm_role", "tke_oidc", "assume_role by the machine")}


def sources(table):
    return pytest.mark.parametrize("extra", list(table.values()), ids=list(table))


def rules():
    return list(COSInventoryHook().list_rules(bucket=SOURCE))


def wait_until(condition):
    """Wait for a thread."""
    while not condition():
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(impatient_retries, monkeypatch):
    """A source that failed is asked again at once."""
    monkeypatch.setattr(shared_credentials, "PAUSE", 0.0)


@sources(EVERY_SOURCE)
def test_cos_accepts_what_a_source_issues_and_test_says_which_it_was(connect, extra):
    connect(**extra)
    assert rules() == []
    success, message = COSInventoryHook().test_connection()
    assert success, message
    assert message.startswith(f"COS accepts the credentials from {extra['credential']}")


@sources(RENEWED)
def test_a_source_is_asked_once_for_many_hooks_and_requests(connect, cloud, extra):
    connect(**extra)
    for _ in range(5):
        rules()
    # One for the caller of a role, and one for the role.
    assert len(cloud.issued) == (2 if extra.get("credential_source") in ("cvm_role", "tke_oidc") else 1)


def test_threads_that_need_credentials_at_once_ask_once(connect, cloud):
    connect(credential="cvm_role")
    threads = [threading.Thread(target=rules) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cloud.issued) == 1


def test_nothing_is_asked_before_a_request_needs_it(connect, cloud):
    connect(credential="cvm_role")
    hook = COSInventoryHook()
    assert hook.client is not None
    assert cloud.seen == []


@sources(RENEWED)
def test_credentials_are_renewed_before_they_end_and_the_client_uses_the_new_ones(connect, wall_clock, cloud, extra):
    cloud.lifetime = 600
    connect(**extra)
    client = COSInventoryHook().client
    list(client.list_bucket_inventory(SOURCE))
    first = len(cloud.issued)
    # Four fifths of their time are over: a thread asks for others while the old ones still hold.
    wall_clock.forward(500)
    list(client.list_bucket_inventory(SOURCE))
    wait_until(lambda: len(cloud.issued) > first)
    # The old ones have ended, and COS refuses them.
    wall_clock.forward(101)
    assert list(client.list_bucket_inventory(SOURCE)) == []


def test_a_role_is_asked_for_with_what_the_connection_says(connect, cloud):
    connect(**ROLE_OF, **STORED, external_id=EXTERNAL_ID, role_session_name="nightly", duration_seconds="900")
    rules()
    (asked,) = cloud.seen
    assert json.loads(asked["body"]) == {
        "RoleArn": ROLE_ARN,
        "RoleSessionName": "nightly",
        "DurationSeconds": 900,
        "ExternalId": EXTERNAL_ID,
    }


def test_a_stored_token_of_the_caller_is_sent_to_sts(connect, cloud):
    secret_id, secret_key, token = cloud.issue()
    connect(**ROLE_OF, login=secret_id, password=secret_key, token=token)
    assert rules() == []


class TestOutage:
    """The source fails while what it issued still holds, and later."""

    @pytest.mark.parametrize(
        "extra", [{"credential": "cvm_role"}, {**ROLE_OF, **STORED}], ids=lambda e: e["credential"]
    )
    def test_what_holds_is_used_and_one_warning_names_the_source(self, connect, wall_clock, cloud, extra, caplog):
        cloud.lifetime = 600
        connect(**extra)
        client = COSInventoryHook().client
        list(client.list_bucket_inventory(SOURCE))
        cloud.answers = [Answer(503)]
        asked = len(cloud.seen)
        wall_clock.forward(400)
        list(client.list_bucket_inventory(SOURCE))
        assert len(cloud.seen) == asked
        # From the last fifth of their time on, renewals are tried.
        wall_clock.forward(100)
        # One renewal at a time: a request that meets another one begins none.
        wait_until(lambda: list(client.list_bucket_inventory(SOURCE)) == [] and len(cloud.seen) >= asked + 2)
        wait_until(lambda: extra["credential"] in caplog.text)
        assert caplog.text.count("could not be renewed") == 1
        wall_clock.forward(100)
        with pytest.raises(COSInventoryTransientError, match=extra["credential"]):
            list(client.list_bucket_inventory(SOURCE))
        cloud.answers = []
        assert list(client.list_bucket_inventory(SOURCE)) == []


@pytest.mark.parametrize(
    ("extra", "answer", "error", "said"),
    [
        ({"credential": "cvm_role"}, Answer(404), COSInventoryConfigurationError, "no role is bound"),
        ({"credential": "cvm_role"}, Answer(403), COSInventoryPermissionError, "metadata service refuses"),
        ({"credential": "cvm_role"}, Answer(500), COSInventoryTransientError, "out of order"),
        ({"credential": "cvm_role"}, Answer(body="<html>"), COSInventoryRequestError, "cannot be read"),
        ({"credential": "tke_oidc"}, Answer(502), COSInventoryTransientError, "not STS"),
        ({"credential": "tke_oidc"}, Answer(body="<html>"), COSInventoryRequestError, "cannot be read"),
        ({"credential": "tke_oidc"}, Answer(body={"Response": {}}), COSInventoryRequestError, "cannot be read"),
        (
            {"credential": "tke_oidc"},
            refusal("InvalidParameter.WebIdentityTokenError"),
            COSInventoryConfigurationError,
            "service account",
        ),
        (
            {**ROLE_OF, **STORED},
            refusal("UnauthorizedOperation"),
            COSInventoryPermissionError,
            "name/sts:AssumeRole",
        ),
        ({**ROLE_OF, **STORED}, refusal("AuthFailure.SignatureFailure"), COSInventoryPermissionError, "r-refused"),
        ({**ROLE_OF, **STORED}, refusal("InternalError.SystemError"), COSInventoryTransientError, "Told by"),
        ({**ROLE_OF, **STORED}, refusal("RequestLimitExceeded"), COSInventoryThrottledError, "Told by"),
        ({**ROLE_OF, **STORED}, refusal("ResourceNotFound.RoleNotFound"), COSInventoryConfigurationError, ROLE),
        ({**ROLE_OF, **STORED}, refusal("SomethingNew"), COSInventoryRequestError, "SomethingNew"),
        ({**ROLE_OF, "login": "AKIDx", "password": "x" * 9}, None, COSInventoryPermissionError, "SecretIdNotFound"),
        ({**ROLE_OF, **STORED, "password": "x" * 9}, None, COSInventoryPermissionError, "SignatureFailure"),
        (
            {**ROLE_OF, **STORED, "role_arn": "qcs::cam::uin/1:roleName/other"},
            None,
            COSInventoryConfigurationError,
            "RoleNotFound",
        ),
    ],
)
def test_a_source_that_issues_none_is_an_error_that_names_it(connect, cloud, extra, answer, error, said):
    cloud.answers = [answer] if answer else []
    connect(**extra)
    with pytest.raises(error, match=said) as raised:
        rules()
    assert type(raised.value) is error
    assert raised.value.parameter == "credential"
    assert extra["credential"] in raised.value.message
    assert raised.value.__cause__ is None
    success, message = COSInventoryHook().test_connection()
    assert not success
    assert said in message
    assert extra["credential"] in message


@pytest.mark.parametrize("extra", [{"credential": "tke_oidc"}, {**ROLE_OF, **STORED}], ids=lambda e: e["credential"])
def test_nothing_that_listens_is_a_transient_error(connect, monkeypatch, extra):
    monkeypatch.delenv("http_proxy")
    connect(**extra, sts_endpoint_url="http://127.0.0.1:9")
    with pytest.raises(COSInventoryTransientError, match="connection refused"):
        rules()


def test_no_metadata_service_is_a_transient_error(connect, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryTransientError, match=r"cvm_role.*the proxy failed"):
        rules()


def test_a_metadata_service_that_issues_nothing_is_an_error_with_its_code(connect, cloud):
    cloud.answers = [Answer(body=ROLE), Answer(body={"Code": "Failed"})]
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryPermissionError, match=r"cvm_role.*issues nothing.*code: Failed"):
        rules()


@pytest.mark.parametrize("kind", ["cvm_role", "tke_oidc"])
def test_a_source_that_does_not_answer_is_left_after_the_connections_time_out(connect, cloud, kind):
    cloud.answers = [Answer(delay=30)]
    connect(credential=kind, timeout=0.2)
    hook = COSInventoryHook()
    with pytest.raises(COSInventoryTransientError, match=f"{kind}.*within 0.2 seconds"):
        hook.client.head_bucket(SOURCE)
    # Five tries, and no more than a request for each.
    assert len(cloud.seen) <= 5


@pytest.mark.parametrize("name", ["TKE_REGION", "TKE_PROVIDER_ID", "TKE_ROLE_ARN", "TKE_WEB_IDENTITY_TOKEN_FILE"])
def test_a_variable_of_the_pod_that_is_missing_is_named(connect, monkeypatch, name):
    monkeypatch.delenv(name)
    connect(credential="tke_oidc")
    with pytest.raises(COSInventoryConfigurationError, match=f"tke_oidc.*{name}"):
        rules()


def test_a_token_file_of_the_pod_that_is_missing_is_named(connect, monkeypatch):
    monkeypatch.setenv("TKE_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
    connect(credential="tke_oidc")
    with pytest.raises(COSInventoryConfigurationError, match="/nowhere/token"):
        rules()


@pytest.mark.parametrize("value", [None, "", " ", "key of two words"])
def test_variables_of_the_environment_that_are_no_key_are_named(connect, monkeypatch, value):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY")
    if value is not None:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", value)
    connect(credential="environment")
    with pytest.raises(COSInventoryConfigurationError, match=r"environment.*TENCENTCLOUD_SECRET_KEY"):
        rules()


def test_no_other_identity_is_tried_where_a_source_has_none(connect, cloud):
    # The environment has a key, the machine has no role.
    cloud.role = None
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryConfigurationError, match="cvm_role"):
        rules()


def test_credentials_that_ended_before_they_came_tell_of_the_clock(connect, cloud):
    cloud.lifetime = -7200
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryPermissionError, match="clock"):
        rules()


def test_an_answer_without_a_key_is_an_error_without_the_rest_of_it(connect, cloud):
    document = {
        "Code": "Success",
        "TmpSecretId": "AKIDx",
        "TmpSecretKey": "two words",
        "Token": "t",
        "ExpiredTime": 9e9,
    }
    cloud.answers = [Answer(body=ROLE), Answer(body=document)]
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryConfigurationError, match="secret_key holds a blank") as raised:
        rules()
    assert "two words" not in str(raised.value)


def test_what_cos_refuses_of_a_source_names_the_source_in_test(connect, cloud, cos):
    connect(credential="cvm_role")
    rules()
    cos.fault(status=400, code="ExpiredToken")
    success, message = COSInventoryHook().test_connection()
    assert not success
    assert message.startswith("COS refuses the credentials from cvm_role.")


def test_credentials_of_a_source_that_may_not_list_buckets_are_good_ones(connect, cloud):
    cloud.allow = ("cos:HeadBucket",)
    connect(credential="cvm_role")
    success, message = COSInventoryHook().test_connection()
    assert success, message
    assert message.startswith("COS knows the credentials from cvm_role.")


def test_a_missing_library_is_an_error_with_the_line_to_type(connect, monkeypatch):
    monkeypatch.delitem(sys.modules, "airflow_provider_cosinv.cos.credentials.cam", raising=False)
    monkeypatch.delattr("airflow_provider_cosinv.cos.credentials.cam", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tencentcloud"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tencentcloud", None)
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryConfigurationError, match=r"pip install 'airflow-provider-cosinv\[cam\]'") as raised:
        rules()
    assert raised.value.parameter == "credential"


def test_an_edited_connection_is_another_source(connect, cloud):
    connect(**ROLE_OF, **STORED)
    hook = COSInventoryHook()
    list(hook.list_rules(bucket=SOURCE))
    assert hook.renew() is False
    connect(**ROLE_OF, **STORED, external_id=EXTERNAL_ID)
    assert hook.renew() is True
    list(hook.list_rules(bucket=SOURCE))
    assert len(cloud.issued) == 2


@pytest.mark.parametrize("answer", [Answer(503), Answer(delay=30)], ids=["out of order", "silent"])
def test_a_submission_that_nobody_signed_was_not_sent(connect, cos, cloud, answer):
    cloud.answers = [answer]
    connect(credential="cvm_role", timeout=0.2)
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou")
    asked = InventoryConfiguration(inventory_id="x", destination=destination)
    with pytest.raises(COSInventoryTransientError) as raised:
        COSInventoryHook().submit_inventory(bucket=SOURCE, configuration=asked)
    assert not isinstance(raised.value, COSInventoryUnansweredError)
    assert cos.accepted_posts(SOURCE) == 0


def test_a_page_in_place_of_a_roles_name_is_an_answer_that_cannot_be_read(connect, cloud):
    cloud.answers = [Answer(body="<html> Please log in. </html>")]
    connect(credential="cvm_role")
    with pytest.raises(COSInventoryRequestError, match=r"cvm_role.*cannot be read"):
        rules()
