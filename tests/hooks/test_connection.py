# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
from airflow.sdk import BaseHook, Connection

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import CredentialSource
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from airflow_provider_cosinv.hooks.connection import _warn_of, bucket_to_check, read_connection
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

KEY = "secretsecretsecret"
ROLE_ARN = "qcs::cam::uin/100000000001:roleName/inventory"
NO_KEY = {"login": None, "password": None}
ROLE_OF = {"credential": "assume_role", "role_arn": ROLE_ARN}


def connection(*, login="AKIDx", password=KEY, **extra):
    return Connection(
        conn_id="c", conn_type="cos", login=login, password=password, extra=json.dumps({"region": "ap-x", **extra})
    )


def test_what_is_not_given_has_a_default():
    assert read_connection(connection(), region=None) == ClientSettings(
        credentials=Credentials("AKIDx", KEY), region="ap-x"
    )


def test_every_field_is_read():
    found = read_connection(
        connection(
            token="t",
            endpoint_url="https://gateway.example:8443",
            domain_suffix="tencentcos.cn",
            internal=True,
            timeout=5,
            verify_ssl=False,
            proxies={"https": "http://proxy:3128"},
        ),
        region="eu-frankfurt",
    )
    assert found == ClientSettings(
        credentials=Credentials("AKIDx", KEY, "t"),
        region="eu-frankfurt",
        endpoint_url="https://gateway.example:8443",
        domain_suffix="tencentcos.cn",
        internal=True,
        timeout=5.0,
        verify_ssl=False,
        proxies={"https": "http://proxy:3128"},
    )


def test_a_uri_has_only_text_and_means_the_same(monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_C",
        f"cos://AKIDx:{KEY}@?region=ap-x&internal=true&timeout=5&verify_ssl=false"
        "&proxies=%7B%22https%22%3A+%22http%3A%2F%2Fproxy%3A3128%22%7D",
    )
    uri = BaseHook.get_connection("c")
    typed = connection(internal=True, timeout=5, verify_ssl=False, proxies={"https": "http://proxy:3128"})
    assert read_connection(uri, region=None) == read_connection(typed, region=None)


def test_a_form_leaves_empty_fields_as_null_or_empty_text():
    empty = connection(token="", endpoint_url=None, internal=None, timeout="", verify_ssl="", proxies="")
    assert read_connection(empty, region=None) == read_connection(connection(), region=None)


def test_verify_ssl_may_be_a_path():
    assert read_connection(connection(verify_ssl="/etc/ca.pem"), region=None).verify_ssl == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"login": None}, "SecretId (login)"),
        ({"password": None}, "SecretKey (password)"),
        ({"password": f"{KEY}\n"}, "SecretKey (password)"),
        ({"region": None}, "region"),
        ({"region": "Guangzhou"}, "region"),
        ({"endpoint_url": "127.0.0.1:9000"}, "endpoint_url"),
        ({"endpoint_url": "http://127.0.0.1:9000/bucket"}, "endpoint_url"),
        ({"domain_suffix": "not a domain"}, "domain_suffix"),
        ({"internal": "maybe"}, "internal"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"proxies": "proxy:3128"}, "proxies"),
        ({"proxies": {"https": "proxy"}}, "proxies"),
        ({"proxies": {"https": "http://user:secretsecretsecret@proxy:99999"}}, "proxies"),
        ({"token": "a b"}, "token"),
        # Of a wrong type.
        ({"region": 5}, "region"),
        ({"token": 5}, "token"),
        ({"endpoint_url": False}, "endpoint_url"),
        ({"domain_suffix": ["tencentcos.cn"]}, "domain_suffix"),
        ({"internal": {}}, "internal"),
        ({"timeout": True}, "timeout"),
        ({"timeout": []}, "timeout"),
        ({"verify_ssl": 2}, "verify_ssl"),
        ({"proxies": []}, "proxies"),
        ({"proxies": {"https": 3128}}, "proxies"),
        # Credentials from elsewhere.
        ({"credential": "cvm", **NO_KEY}, "credential"),
        ({"credential": True, **NO_KEY}, "credential"),
        ({"credential": "cvm_role"}, "credential"),
        ({"credential": "environment", "login": None}, "credential"),
        ({"credential": "tke_oidc", **NO_KEY, "token": "t"}, "credential"),
        ({"credential": "assume_role", **NO_KEY, "role_arn": ROLE_ARN}, "credential"),
        ({"credential": "assume_role"}, "role_arn"),
        ({"credential": "assume_role", "role_arn": "inventory"}, "role_arn"),
        ({"credential": "assume_role", "role_arn": 7}, "role_arn"),
        ({"credential": "assume_role", "role_arn": ROLE_ARN, "login": None}, "SecretId (login)"),
        ({**ROLE_OF, "role_session_name": "a session"}, "role_session_name"),
        ({**ROLE_OF, "external_id": "?"}, "external_id"),
        ({**ROLE_OF, "duration_seconds": "1.5"}, "duration_seconds"),
        ({**ROLE_OF, "duration_seconds": True}, "duration_seconds"),
        ({**ROLE_OF, "duration_seconds": 43201}, "duration_seconds"),
        ({**ROLE_OF, "sts_endpoint_url": "sts.tencentcloudapi.com"}, "sts_endpoint_url"),
        ({**ROLE_OF, "proxies": {"https": 3128}}, "proxies"),
        ({**ROLE_OF, "credential_source": "cvm_role"}, "credential_source"),
        ({**ROLE_OF, **NO_KEY, "credential_source": "assume_role"}, "credential_source"),
        ({"role_arn": ROLE_ARN}, "role_arn"),
        ({"external_id": "x7"}, "external_id"),
        ({"credential": "cvm_role", **NO_KEY, "role_session_name": "nightly"}, "role_session_name"),
        ({"credential_source": "cvm_role"}, "credential_source"),
    ],
)
def test_a_wrong_field_is_named_with_its_connection_and_no_secret(fields, parameter):
    with pytest.raises(COSInventoryConfigurationError, match="Connection 'c'") as raised:
        read_connection(connection(**fields), region=None)
    assert raised.value.parameter == parameter
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("broken", ['{"conn_type": "cos", ', f"cos://AKIDx:{KEY}/half@?region=ap-x"])
def test_a_variable_that_airflow_cannot_read_is_named_with_what_to_check(monkeypatch, broken):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN_ONE", broken)
    with pytest.raises(COSInventoryTransientError, match="There is no connection 'broken_one'") as raised:
        _ = COSInventoryHook(cos_conn_id="broken_one").settings
    assert "or set AIRFLOW_CONN_BROKEN_ONE. Where that is set, check that its JSON is complete" in raised.value.hint
    assert "%2F" in raised.value.hint
    assert "API server and secrets backend" in raised.value.hint
    assert KEY not in str(raised.value)


def test_an_id_that_makes_no_name_of_a_variable_is_told_no_variable():
    with pytest.raises(COSInventoryTransientError) as raised:
        _ = COSInventoryHook(cos_conn_id="cos-of.team").settings
    assert raised.value.hint == (
        "Make one of type Tencent Cloud COS. Where there is one, check Airflow's API server and secrets backend."
    )


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"region": None}, "No region is given.", "Write the region's code, such as ap-guangzhou"),
        ({"proxies": "http://proxy:3128"}, "proxies is not a JSON object.", 'Write {"https": "http://'),
        ({**ROLE_OF, "proxies": "http://proxy:3128"}, "proxies is not a JSON object.", 'Write {"https": "http://'),
        (
            {"credential": "cvm"},
            "'cvm' is not a source of credentials.",
            "Use environment, cvm_role, tke_oidc or assume_role.",
        ),
    ],
)
def test_a_wrong_field_is_told_with_what_is_right(fields, message, hint):
    with pytest.raises(COSInventoryConfigurationError) as raised:
        read_connection(connection(**fields), region=None)
    assert raised.value.message == f"Connection 'c': {message}"
    assert raised.value.hint.startswith(hint)


def test_extra_that_is_no_json_object_is_named():
    broken = Connection(conn_id="c", conn_type="cos", login="AKIDx", password=KEY, extra="[1]")
    with pytest.raises(COSInventoryConfigurationError, match="extra is not a JSON object"):
        read_connection(broken, region="ap-x")


def test_the_bucket_of_the_test_button_is_read_for_nothing_else(caplog):
    named = connection(bucket="examplebucket-1250000000")
    assert bucket_to_check(named) == "examplebucket-1250000000"
    assert read_connection(named, region=None) == read_connection(connection(), region=None)
    assert not caplog.records


@pytest.mark.parametrize("empty", [None, ""])
def test_a_connection_need_not_name_a_bucket(empty):
    assert bucket_to_check(connection(bucket=empty)) is None
    assert bucket_to_check(connection()) is None


@pytest.mark.parametrize(
    "bucket", ["examplebucket", "Example-1250000000", "cos://examplebucket-1250000000", 1250000000]
)
def test_what_is_no_full_bucket_name_is_named_with_its_connection(bucket):
    with pytest.raises(COSInventoryConfigurationError, match="Connection 'c'") as raised:
        bucket_to_check(connection(bucket=bucket))
    assert raised.value.parameter == "bucket"


def test_extra_keys_that_mean_nothing_are_told_once_all_together(caplog):
    _warn_of.cache_clear()
    for _ in range(3):
        read_connection(connection(endpont_url="http://127.0.0.1:9000", Region="ap-guangzhou"), region=None)
    (record,) = caplog.records
    assert record.getMessage() == "Connection 'c': these keys of extra mean nothing here: Region, endpont_url"


def test_a_region_that_is_not_known_is_one(caplog):
    assert read_connection(connection(region="ap-atlantis-7"), region=None).region == "ap-atlantis-7"
    assert not caplog.records


def test_a_source_of_credentials_is_read():
    found = read_connection(connection(**NO_KEY, credential="cvm_role", timeout=5), region=None)
    assert found.credentials == CredentialSource(kind="cvm_role", timeout=5.0)


def test_a_role_is_read_with_its_caller():
    found = read_connection(
        connection(
            credential="assume_role",
            role_arn=ROLE_ARN,
            role_session_name="nightly",
            external_id="team-7",
            duration_seconds=900,
            sts_endpoint_url="https://sts.intl.tencentcloudapi.com",
            verify_ssl="/etc/ca.pem",
            proxies={"https": "http://proxy:3128"},
        ),
        region=None,
    )
    assert found.credentials == CredentialSource(
        kind="assume_role",
        role_arn=ROLE_ARN,
        role_session_name="nightly",
        external_id="team-7",
        duration_seconds=900,
        caller=Credentials("AKIDx", KEY),
        sts_endpoint_url="https://sts.intl.tencentcloudapi.com",
        verify_ssl="/etc/ca.pem",
        proxy="http://proxy:3128",
    )
    assert KEY not in repr(found)


def test_a_uri_may_name_a_source_too(monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_C",
        "cos://?region=ap-x&credential=assume_role&credential_source=tke_oidc&duration_seconds=900"
        "&role_arn=qcs%3A%3Acam%3A%3Auin%2F100000000001%3AroleName%2Finventory",
    )
    found = read_connection(BaseHook.get_connection("c"), region=None)
    assert found.credentials == CredentialSource(
        kind="assume_role",
        role_arn=ROLE_ARN,
        duration_seconds=900,
        caller=CredentialSource(kind="tke_oidc"),
    )


def test_a_form_leaves_the_fields_of_a_source_empty():
    empty = {"credential": "", "role_arn": None, "credential_source": "", "duration_seconds": None, "external_id": ""}
    assert read_connection(connection(**empty), region=None).credentials == Credentials("AKIDx", KEY)
