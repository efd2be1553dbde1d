# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError

CREDENTIALS = Credentials("AKIDexample", "secret-of-mine", "token-of-mine")


def make(**more):
    return ClientSettings(**{"credentials": CREDENTIALS, "region": "ap-guangzhou", **more})


@pytest.mark.parametrize(
    "text", [repr(CREDENTIALS), str(CREDENTIALS), repr(make(proxies={"https": "http://u:pw@p:1"}))]
)
def test_neither_repr_nor_str_shows_a_secret(text):
    assert "AKID***" in text
    assert "example" not in text
    assert "of-mine" not in text
    assert "pw" not in text


@pytest.mark.parametrize("name", ["secret_id", "secret_key", "token"])
@pytest.mark.parametrize("value", ["", " padded", "broken\n", "tab\there", "schlüssel", 17])
def test_a_credential_that_no_header_can_carry_is_refused_without_being_shown(name, value):
    values = {"secret_id": "AKID", "secret_key": "key", "token": "token", name: value}
    with pytest.raises(COSInventoryConfigurationError) as caught:
        Credentials(**values)
    assert caught.value.parameter == name
    assert not str(value).strip() or str(value).strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "Guangzhou!"),
        ("region", ""),
        ("endpoint_url", "127.0.0.1:9000"),
        ("endpoint_url", "ftp://127.0.0.1"),
        ("endpoint_url", "http://"),
        ("endpoint_url", "http://host/path"),
        ("endpoint_url", "http://host?query"),
        ("endpoint_url", "http://host:99999"),
        ("endpoint_url", "http://ho st"),
        ("endpoint_url", "http://[::1"),
        ("domain_suffix", "not a domain"),
        ("domain_suffix", "evil.com/"),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", True),
        ("timeout", "30"),
        ("verify_ssl", ""),
        ("verify_ssl", None),
        ("proxies", "http://proxy:3128"),
        ("proxies", {"ftp": "http://proxy:3128"}),
        ("proxies", {"https": "proxy:3128"}),
        ("proxies", {"https": "http://[::1"}),
        ("proxies", {"https": 3128}),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        make(**{name: value})
    assert caught.value.parameter == name
    assert caught.value.hint


def test_a_password_in_an_endpoint_url_is_refused_without_being_shown():
    with pytest.raises(COSInventoryConfigurationError) as caught:
        make(endpoint_url="https://user:pass-word@gateway")
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://gateway.example/", "http://[::1]:9000"])
def test_an_endpoint_url_is_scheme_host_and_port(url):
    assert make(endpoint_url=url).endpoint_url == url
