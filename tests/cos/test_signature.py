# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosConfig, CosS3Auth

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.signature import Signer, signature_of, signing_key

SECRET_ID = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q"
SECRET_KEY = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"
HOST = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com"


def test_the_worked_example_of_an_upload_comes_out():
    key_time = "1557989151;1557996351"
    key = signing_key(SECRET_KEY, key_time)
    headers = {
        "Date": "Thu, 16 May 2019 06:45:51 GMT",
        "Host": "examplebucket-1250000000.cos.ap-beijing.myqcloud.com",
        "Content-Type": "text/plain",
        "Content-Length": "13",
        "Content-MD5": "mQ/fVh815F3k6TAUm8m0eg==",
        "x-cos-acl": "private",
        "x-cos-grant-read": 'uin="100000000011"',
    }
    _, _, signature = signature_of(
        key, key_time, method="PUT", path="/exampleobject(腾讯云)", params={}, headers=headers
    )
    assert key == "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f"
    assert signature == "3b8851a11a569213c17ba8fa7dcf2abec6935172"


def test_the_worked_example_of_a_download_comes_out():
    key_time = "1557989753;1557996953"
    key = signing_key(SECRET_KEY, key_time)
    params = {"response-content-type": "application/octet-stream", "response-cache-control": "max-age=600"}
    _, _, signature = signature_of(
        key,
        key_time,
        method="GET",
        path="/exampleobject(腾讯云)",
        params=params,
        headers={
            "Date": "Thu, 16 May 2019 06:55:53 GMT",
            "Host": "examplebucket-1250000000.cos.ap-beijing.myqcloud.com",
        },
    )
    assert key == "937914bf490e9e8c189836aad2052e4feeb35eaf"
    assert signature == "01681b8c9d798a678e43b685a9f1bba0f6c0e012"


def test_the_signature_of_an_inventory_submission_comes_out():
    key_time = "1557989151;1557996351"
    headers = {"host": HOST, "content-md5": "mQ/fVh815F3k6TAUm8m0eg==", "content-type": "application/xml"}
    header_list, param_list, signature = signature_of(
        signing_key(SECRET_KEY, key_time),
        key_time,
        method="POST",
        path="/",
        params={"inventory": "", "id": "disposable"},
        headers=headers,
    )
    assert header_list == "content-md5;content-type;host"
    assert param_list == "id;inventory"
    assert signature == "21d79f6bbae7da1285eaf5fe31d984888a5b8dec"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADER_NAMES = st.sampled_from(
    [
        "Host",
        "Content-Type",
        "Content-MD5",
        "Range",
        "If-Match",
        "x-cos-security-token",
        "X-Cos-Meta-A",
        "Accept",
        "Date",
    ]
)
# The SDK signs a parameter by its lower-case name; two that differ in case only are one to it.
PARAMS = st.dictionaries(TEXT.filter(bool), TEXT, max_size=5).filter(
    lambda params: len({name.lower() for name in params}) == len(params)
)


@given(
    st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    TEXT,
    PARAMS,
    st.dictionaries(HEADER_NAMES, TEXT, max_size=6),
)
def test_any_request_is_signed_as_the_sdk_signs_it(method, key, params, headers):
    headers = {**headers, "Host": HOST}
    theirs = SimpleNamespace(method=method, url=f"https://{HOST}/", headers=dict(headers))
    CosS3Auth(CosConfig(Region="ap-guangzhou", SecretId=SECRET_ID, SecretKey=SECRET_KEY), f"/{key}", params)(theirs)
    expected = parse_qs(theirs.headers["Authorization"], keep_blank_values=True)

    start = int(expected["q-key-time"][0].split(";")[0])
    signer = Signer(credentials=Credentials(SECRET_ID, SECRET_KEY), clock=lambda: start + 60)
    ours = parse_qs(
        signer.authorization(method=method, path=f"/{key}", params=params, headers=headers), keep_blank_values=True
    )
    assert ours.keys() == expected.keys()
    for name in ("q-sign-algorithm", "q-ak", "q-header-list", "q-url-param-list"):
        assert ours[name] == expected[name]

    # Ours are valid for another time, so the signature is compared with theirs.
    key_time = expected["q-key-time"][0]
    signed = {name: value for name, value in headers.items() if name.lower() in expected["q-header-list"][0].split(";")}
    _, _, signature = signature_of(
        signing_key(SECRET_KEY, key_time), key_time, method=method, path=f"/{key}", params=params, headers=signed
    )
    assert signature == expected["q-signature"][0]


@pytest.mark.parametrize(("seconds", "renewed"), [(0, False), (599, False), (600, True), (86400, True), (-1, True)])
def test_a_signing_key_is_kept_for_ten_minutes_and_not_across_a_clock_set_back(seconds, renewed):
    now = [1_700_000_000]
    signer = Signer(credentials=Credentials(SECRET_ID, SECRET_KEY), clock=lambda: now[0])

    def key_time():
        text = signer.authorization(method="GET", path="/", params={}, headers={"host": HOST})
        return parse_qs(text)["q-key-time"][0]

    first = key_time()
    now[0] += seconds
    assert (key_time() != first) is renewed
    start, end = map(int, key_time().split(";"))
    assert start < now[0] < end - 2900
