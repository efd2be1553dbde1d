# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from yarl import URL

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.endpoint import bucket_host, request_url, signed_path
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError

BUCKET = "examplebucket-1250000000"
SETTINGS = ClientSettings(credentials=Credentials("AKID", "key"), region="ap-guangzhou")


@pytest.mark.parametrize(
    ("more", "host"),
    [
        ({}, "cos.ap-guangzhou.myqcloud.com"),
        ({"domain_suffix": "tencentcos.cn"}, "cos.ap-guangzhou.tencentcos.cn"),
        ({"internal": True}, "cos-internal.ap-guangzhou.tencentcos.cn"),
        ({"internal": True, "domain_suffix": "tencentcos.cn"}, "cos-internal.ap-guangzhou.tencentcos.cn"),
        ({"internal": True, "domain_suffix": "cloud.example"}, "cos-internal.ap-guangzhou.cloud.example"),
        ({"region": "ap-shenzhen-fsi"}, "cos.ap-shenzhen-fsi.myqcloud.com"),
        ({"endpoint_url": "http://127.0.0.1:9000"}, "cos.ap-guangzhou.myqcloud.com"),
    ],
)
def test_a_bucket_has_a_host_of_its_own(more, host):
    assert bucket_host(replace(SETTINGS, **more), BUCKET) == f"{BUCKET}.{host}"


@pytest.mark.parametrize("bucket", ["examplebucket", "", "evil.example/x-1250000000", "Upper-1250000000", None])
def test_what_is_no_full_bucket_name_has_no_host(bucket):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        bucket_host(SETTINGS, bucket)
    assert caught.value.parameter == "bucket"


@pytest.mark.parametrize("bucket", [["examplebucket-1250000000"], None, 7])
def test_what_is_no_text_is_no_bucket_name(bucket):
    with pytest.raises(COSInventoryConfigurationError):
        bucket_host(SETTINGS, bucket)


def test_the_scheme_of_an_endpoint_may_be_written_in_capitals():
    there = replace(SETTINGS, endpoint_url="HTTPS://Gateway.example:9000/")
    assert request_url(there, BUCKET, "k", {}) == "https://Gateway.example:9000/k"


def test_the_url_goes_to_the_endpoint_where_one_is_set():
    there = replace(SETTINGS, endpoint_url="http://127.0.0.1:9000/")
    assert request_url(there, BUCKET, "a/b", {}) == "http://127.0.0.1:9000/a/b"
    assert request_url(SETTINGS, BUCKET, None, {"inventory": "", "id": "a b+c"}) == (
        f"https://{BUCKET}.cos.ap-guangzhou.myqcloud.com/?inventory=&id=a%20b%2Bc"
    )


@pytest.mark.parametrize("key", ["", ".", "..", "\ud800"])
def test_a_key_that_would_address_something_else_is_refused(key):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        request_url(SETTINGS, BUCKET, key, {})
    assert caught.value.parameter == "key"


SEGMENTS = st.sampled_from(["", ".", "..", "a", "a.", "中文", "a b", "%2e", "+", "?", "#", "~", "x" * 40])
KEYS = st.one_of(
    st.lists(SEGMENTS, min_size=1, max_size=6).map("/".join), st.text(st.characters(exclude_categories=["Cs"]))
)


@given(KEYS.filter(lambda key: key not in ("", ".", "..")))
def test_no_http_library_changes_the_path_of_any_key(key):
    url = request_url(SETTINGS, BUCKET, key, {})
    for sent in (Request("GET", url).prepare().url, str(URL(url, encoded=True))):
        assert urlsplit(sent).path == urlsplit(url).path
        assert unquote(urlsplit(sent).path, errors="strict") == signed_path(key)
        assert not urlsplit(sent).query
