# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
from airflow.sdk import BaseHook, Connection

from airflow_provider_cosinv.cos.settings import ClientSettings, Credentials
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.hooks.connection import read_connection

KEY = "secretsecretsecret"


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
    ],
)
def test_a_wrong_field_is_named_with_its_connection_and_no_secret(fields, parameter):
    with pytest.raises(COSInventoryConfigurationError, match="Connection 'c'") as raised:
        read_connection(connection(**fields), region=None)
    assert raised.value.parameter == parameter
    assert KEY not in str(raised.value)


def test_extra_that_is_no_json_object_is_named():
    broken = Connection(conn_id="c", conn_type="cos", login="AKIDx", password=KEY, extra="[1]")
    with pytest.raises(COSInventoryConfigurationError, match="extra is not a JSON object"):
        read_connection(broken, region="ap-x")


def test_an_extra_that_means_nothing_is_told(caplog):
    read_connection(connection(endpont_url="http://127.0.0.1:9000"), region=None)
    assert "'endpont_url'" in caplog.text
