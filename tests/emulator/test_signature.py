# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from urllib.parse import quote

import pytest
import requests

from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.emulator.api.signature import Signature, check_signature, sign
from airflow_provider_cosinv.emulator.errors import COSError
from tests.emulator.client import Caller, code, sdk

SECRET_KEY = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"
HOST = "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"
PATH = "/exampleobject(腾讯云)"
WORKED_PUT = {
    "method": "PUT",
    "path": PATH,
    "query": (),
    "headers": {
        "date": "Thu, 16 May 2019 06:45:51 GMT",
        "host": HOST,
        "content-type": "text/plain",
        "content-length": "13",
        "content-md5": "mQ/fVh815F3k6TAUm8m0eg==",
        "x-cos-acl": "private",
        "x-cos-grant-read": 'uin="100000000011"',
    },
}
WORKED_GET = {
    "method": "GET",
    "path": PATH,
    "query": (("response-content-type", "application/octet-stream"), ("response-cache-control", "max-age=600")),
    "headers": {"date": "Thu, 16 May 2019 06:55:53 GMT", "host": HOST},
}
POST_INVENTORY = {
    "method": "POST",
    "path": "/",
    "query": (("inventory", ""), ("id", "disposable")),
    "headers": {
        "host": "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com",
        "content-md5": "mQ/fVh815F3k6TAUm8m0eg==",
        "content-type": "application/xml",
    },
}
EXAMPLES = [
    pytest.param(WORKED_PUT, "1557989151;1557996351", "3b8851a11a569213c17ba8fa7dcf2abec6935172", id="PUT"),
    pytest.param(WORKED_GET, "1557989753;1557996953", "01681b8c9d798a678e43b685a9f1bba0f6c0e012", id="GET"),
    pytest.param(POST_INVENTORY, "1557989151;1557996351", "21d79f6bbae7da1285eaf5fe31d984888a5b8dec", id="POST"),
]


def _signature(request, period, value):
    return Signature(
        secret_id="AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q",
        sign_time=period,
        key_time=period,
        header_list=tuple(sorted(request["headers"])),
        param_list=tuple(sorted(name for name, _ in request["query"])),
        value=value,
    )


@pytest.mark.parametrize(("request_", "period", "value"), EXAMPLES)
def test_the_worked_examples_of_the_documentation_are_accepted(request_, period, value):
    check_signature(_signature(request_, period, value), secret_key=SECRET_KEY, **request_)


@pytest.mark.parametrize(("request_", "period", "value"), EXAMPLES)
@pytest.mark.parametrize("change", ["method", "path", "headers", "secret_key", "value"])
def test_a_worked_example_with_one_thing_changed_is_refused(request_, period, value, change):
    changed = dict(request_)
    secret_key = SECRET_KEY
    if change == "method":
        changed["method"] = "DELETE"
    elif change == "path":
        changed["path"] += "x"
    elif change == "headers":
        changed["headers"] = {**changed["headers"], "host": "other"}
    elif change == "secret_key":
        secret_key = "other"
    else:
        value = "0" * 40
    with pytest.raises(COSError, match="SignatureDoesNotMatch"):
        check_signature(_signature(request_, period, value), secret_key=secret_key, **changed)


def test_a_parameter_outside_of_the_list_is_not_covered(cos, bucket):
    headers = _signed(cos, bucket, params="inventory")
    answer = requests.get(f"{cos.url}/?inventory&id=nothing", headers=headers, timeout=5)
    assert code(answer) == "InventoryConfigurationNotFoundError"


def test_a_parameter_that_the_list_names_must_be_there(cos, bucket):
    headers = _signed(cos, bucket, params="inventory")
    answer = requests.get(f"{cos.url}/", headers=headers, timeout=5)
    assert (answer.status_code, code(answer)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("signed_host", ["with port", "without port"])
def test_the_host_is_signed_with_or_without_the_port_that_is_sent(cos, bucket, signed_host):
    name = cos.bucket_host(bucket)
    sent = f"{name}:{cos.port}"
    headers = _signed(cos, bucket, host=name if signed_host == "without port" else quote(sent, safe=""))
    assert requests.get(f"{cos.url}/", headers={**headers, "Host": sent}, timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("start", "end", "status", "expected"),
    [
        (-60, 60, 200, None),
        (600, 1200, 200, None),
        (1000, 2000, 403, "RequestTimeTooSkewed"),
        (-120, -60, 403, "AccessDenied"),
        (60, -60, 400, "InvalidArgument"),
    ],
)
def test_a_signature_is_valid_in_its_period_and_for_clocks_15_minutes_apart(cos, bucket, start, end, status, expected):
    now = int(time.time())
    headers = _signed(cos, bucket, period=f"{now + start};{now + end}")
    answer = requests.get(f"{cos.url}/", headers=headers, timeout=5)
    assert answer.status_code == status
    if expected:
        assert code(answer) == expected


def test_an_expired_signature_says_so(cos, bucket, call):
    cos.set_clock_offset(3600)
    answer = call("HEAD", bucket)
    assert (answer.status_code, answer.content) == (403, b"")
    assert "Request has expired" in call("GET", bucket).text


def test_the_emulators_clock_is_in_its_date_header_and_decides_about_skew(cos, bucket, call):
    cos.set_clock_offset(-3600)
    answer = call("GET", bucket)
    assert code(answer) == "RequestTimeTooSkewed"
    ahead = (
        time.time() - time.mktime(time.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) + time.timezone
    )
    assert 3590 < ahead < 3610


def test_a_date_header_of_an_hour_ago_is_skewed(call, bucket):
    answer = call("GET", bucket, headers={"Date": "Thu, 16 May 2019 06:55:53 GMT"})
    assert code(answer) == "RequestTimeTooSkewed"


def test_a_request_without_signature_is_denied(cos, bucket):
    answer = requests.get(cos.url, headers={"Host": cos.bucket_host(bucket)}, timeout=5)
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")


def test_an_unknown_secret_id_and_a_wrong_secret_key_are_told_apart(cos, bucket):
    assert code(Caller(cos, secret_id="AKIDother")("GET", bucket)) == "InvalidAccessKeyId"
    assert code(Caller(cos, secret_key="other")("GET", bucket)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("change", ["q-sign-algorithm=md5", "q-ak"])
def test_a_signature_that_lacks_a_part_or_names_another_algorithm_is_an_invalid_argument(cos, bucket, change):
    headers = _signed(cos, bucket)
    if change == "q-ak":
        headers["Authorization"] = headers["Authorization"].replace("q-ak=", "q-other=")
    else:
        headers["Authorization"] = headers["Authorization"].replace("q-sign-algorithm=sha1", change)
    answer = requests.get(cos.url, headers=headers, timeout=5)
    assert (answer.status_code, code(answer)) == (400, "InvalidArgument")


def test_a_pre_signed_url_needs_no_header(cos, bucket):
    cos.put_object(bucket, "数据/a b+c%.txt", b"hello")
    # Without the SDK's IP, which would stand in the URL; the emulator takes a proxy's requests too.
    url = sdk(cos, IP=None, Port=None).get_presigned_url(Bucket=bucket, Key="数据/a b+c%.txt", Method="GET")
    through = {"http": cos.url}
    assert requests.get(url, proxies=through, timeout=5).content == b"hello"
    assert code(requests.get(url.replace("hello", "").replace("c%25", "d%25"), proxies=through, timeout=5)) == (
        "SignatureDoesNotMatch"
    )


def test_a_temporary_credential_needs_its_token_until_it_expires(cos, bucket):
    cos.add_credential(secret_id="AKIDtemp", secret_key="key", token="token-1", expires_in=300)
    call = Caller(cos, secret_id="AKIDtemp", secret_key="key")
    assert call("GET", bucket, headers={"x-cos-security-token": "token-1"}).status_code == 200
    assert code(call("GET", bucket)) == "InvalidAccessKeyId"
    assert code(call("GET", bucket, headers={"x-cos-security-token": "token-2"})) == "InvalidAccessKeyId"
    cos.set_clock_offset(301)
    answer = call("GET", bucket, headers={"x-cos-security-token": "token-1"})
    assert (answer.status_code, code(answer)) == (400, "ExpiredToken")


def test_a_caller_may_do_what_its_permissions_say(cos, bucket, destination):
    cos.add_credential(
        secret_id="AKIDreader",
        secret_key="key",
        allow=[f"name/cos:Get* on {bucket}", "cos:HeadBucket"],
        deny=["cos:GetObject"],
    )
    call = Caller(cos, secret_id="AKIDreader", secret_key="key")
    assert call("GET", bucket).status_code == 200
    assert call("HEAD", destination).status_code == 200
    for answer in (call("GET", bucket, "a"), call("PUT", bucket, "a"), call("GET", destination)):
        assert (answer.status_code, code(answer)) == (403, "AccessDenied")


def test_permission_on_a_prefix_covers_its_objects_only(cos, bucket):
    cos.put_object(bucket, "in/a", b"x")
    cos.put_object(bucket, "out/a", b"x")
    allow = [f"cos:{action} on {bucket}/in/*" for action in ("GetObject", "GetBucket")]
    cos.add_credential(secret_id="AKIDprefix", secret_key="key", allow=allow)
    call = Caller(cos, secret_id="AKIDprefix", secret_key="key")
    assert call("GET", bucket, "in/a").status_code == 200
    for answer in (call("GET", bucket, "out/a"), call("GET", bucket, "in"), call("GET", bucket)):
        assert (answer.status_code, code(answer)) == (403, "AccessDenied")


def _signed(cos: COSEmulator, bucket: str, *, host: str | None = None, params: str = "", period: str | None = None):
    """Return headers of a GET of a bucket whose signature names the host and perhaps one empty parameter."""
    name = cos.bucket_host(bucket)
    now = int(time.time())
    period = period or f"{now};{now + 60}"
    value = sign(
        cos.connection["password"],
        method="GET",
        path="/",
        params={params: ""} if params else {},
        headers={"host": host or name},
        sign_time=period,
        key_time=period,
    )
    authorization = (
        f"q-sign-algorithm=sha1&q-ak={cos.secret_id}&q-sign-time={period}&q-key-time={period}"
        f"&q-header-list=host&q-url-param-list={params}&q-signature={value}"
    )
    return {"Host": name, "Authorization": authorization}
