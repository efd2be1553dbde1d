# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib

import pytest
import requests

from airflow_provider_cosinv.inventory.xml import parse_xml
from tests.emulator.client import Caller, code

KEY = "数据/a b+c%&'\"(1),.txt"


def test_what_was_put_is_got_with_its_headers(call, bucket):
    headers = {
        "Content-Type": "text/plain",
        "x-cos-storage-class": "STANDARD_IA",
        "x-cos-meta-owner": "web",
        "x-cos-tagging": "age=18&team=a%20b",
    }
    put = call("PUT", bucket, KEY, data=b"123456789", headers=headers)
    assert put.status_code == 200
    got = call("GET", bucket, KEY)
    assert got.content == b"123456789"
    assert got.headers["ETag"] == put.headers["ETag"] == f'"{hashlib.md5(b"123456789").hexdigest()}"'
    # The check value of CRC-64/XZ, which is what COS calls crc64ecma.
    assert got.headers["x-cos-hash-crc64ecma"] == str(0x995DC9BBDF1939FA)
    assert got.headers["Content-Type"] == "text/plain"
    assert got.headers["x-cos-storage-class"] == "STANDARD_IA"
    assert got.headers["x-cos-meta-owner"] == "web"
    assert got.headers["x-cos-tagging-count"] == "2"
    assert got.headers["Last-Modified"].endswith("GMT")


def test_every_answer_has_a_request_id_and_failures_a_trace_id(call, bucket):
    fine, failed = call("GET", bucket), call("GET", bucket, "nothing")
    assert fine.headers["x-cos-request-id"] != failed.headers["x-cos-request-id"]
    assert fine.headers["Server"] == "tencent-cos"
    assert "x-cos-trace-id" not in fine.headers
    root = parse_xml(failed.content)
    assert root.findtext("RequestId") == failed.headers["x-cos-request-id"]
    assert root.findtext("TraceId") == failed.headers["x-cos-trace-id"]
    assert root.findtext("Resource") == f"{bucket}.cos.ap-guangzhou.myqcloud.com/nothing"


def test_head_is_get_without_body(call, bucket):
    call("PUT", bucket, "a", data=b"hello")
    head = call("HEAD", bucket, "a")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "5", b"")
    missing = call("HEAD", bucket, "nothing")
    assert (missing.status_code, missing.content) == (404, b"")
    assert missing.headers["x-cos-trace-id"]


@pytest.mark.parametrize("storage_class", ["ARCHIVE", "DEEP_ARCHIVE"])
def test_an_archived_object_is_there_and_cannot_be_read(call, bucket, storage_class):
    call("PUT", bucket, "a", data=b"hello", headers={"x-cos-storage-class": storage_class})
    got = call("GET", bucket, "a")
    assert (got.status_code, code(got)) == (403, "InvalidObjectState")
    assert call("HEAD", bucket, "a").headers["x-cos-storage-class"] == storage_class


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-100", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("items=0-3", 200, b"0123456789", None),
    ],
)
def test_ranges(call, bucket, asked, status, body, content_range):
    call("PUT", bucket, "a", data=b"0123456789")
    got = call("GET", bucket, "a", headers={"Range": asked})
    assert got.status_code == status
    assert got.headers.get("Content-Range") == content_range
    assert body is None or got.content == body


def test_if_match_and_if_none_match(call, bucket):
    etag = call("PUT", bucket, "a", data=b"1").headers["ETag"]
    assert call("GET", bucket, "a", headers={"If-Match": etag}).status_code == 200
    assert call("GET", bucket, "a", headers={"If-Match": '"other"'}).status_code == 412
    unchanged = call("GET", bucket, "a", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert call("GET", bucket, "a", headers={"If-None-Match": '"other"'}).status_code == 200


def test_content_md5_is_checked_where_it_is_sent(call, bucket):
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert call("PUT", bucket, "a", data=b"hello", headers={"Content-MD5": right}).status_code == 200
    for value, expected in ((wrong, "BadDigest"), ("?", "InvalidDigest"), ("AAAA", "InvalidDigest")):
        answer = call("PUT", bucket, "b", data=b"hello", headers={"Content-MD5": value})
        assert (answer.status_code, code(answer)) == (400, expected)
    assert call("HEAD", bucket, "b").status_code == 404


def test_a_large_body_goes_through_a_file_that_goes_with_the_object(cos, call, bucket):
    data = bytes(range(256)) * 8192
    spool = cos._emulation.spool
    folder = spool.writer()._folder
    before = len(list(folder.iterdir()))
    call("PUT", bucket, "large", data=data)
    assert len(list(folder.iterdir())) == before + 1
    assert call("GET", bucket, "large").content == data
    assert call("GET", bucket, "large", headers={"Range": "bytes=1000000-1000009"}).content == data[1000000:1000010]
    call("DELETE", bucket, "large")
    assert len(list(folder.iterdir())) == before


def test_an_unversioned_object_is_gone_when_deleted(call, bucket):
    call("PUT", bucket, "a", data=b"1")
    assert call("DELETE", bucket, "a").status_code == 204
    assert code(call("GET", bucket, "a")) == "NoSuchKey"
    assert call("DELETE", bucket, "a").status_code == 204


def test_a_versioned_bucket_keeps_what_was_there(cos, call):
    cos.create_bucket("versioned-1250000000", versioning=True)
    first, second = (
        call("PUT", "versioned-1250000000", "a", data=data).headers["x-cos-version-id"] for data in (b"1", b"2")
    )
    marker = call("DELETE", "versioned-1250000000", "a").headers
    assert marker["x-cos-delete-marker"] == "true"
    gone = call("GET", "versioned-1250000000", "a")
    assert (gone.status_code, gone.headers["x-cos-delete-marker"]) == (404, "true")
    assert call("GET", "versioned-1250000000", "a", params={"versionId": first}).content == b"1"
    assert code(call("GET", "versioned-1250000000", "a", params={"versionId": "other"})) == "NoSuchVersion"
    listed = parse_xml(call("GET", "versioned-1250000000", params={"versions": ""}).content)
    assert [
        (one.tag, one.findtext("VersionId"), one.findtext("IsLatest")) for one in listed if one.find("Key") is not None
    ] == [
        ("DeleteMarker", marker["x-cos-version-id"], "true"),
        ("Version", second, "false"),
        ("Version", first, "false"),
    ]
    call("DELETE", "versioned-1250000000", "a", params={"versionId": marker["x-cos-version-id"]})
    assert call("GET", "versioned-1250000000", "a").content == b"2"


def test_suspended_versioning_replaces_the_null_version_only(call, bucket):
    def switch(status):
        body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
        assert call("PUT", bucket, params={"versioning": ""}, data=body).status_code == 200

    call("PUT", bucket, "a", data=b"old null")
    switch("Enabled")
    kept = call("PUT", bucket, "a", data=b"kept").headers["x-cos-version-id"]
    switch("Suspended")
    call("PUT", bucket, "a", data=b"new null")
    assert call("GET", bucket, "a", params={"versionId": "null"}).content == b"new null"
    assert call("GET", bucket, "a", params={"versionId": kept}).content == b"kept"
    assert b"Suspended" in call("GET", bucket, params={"versioning": ""}).content


def test_tags_are_read_replaced_and_removed(call, bucket):
    call("PUT", bucket, "a", headers={"x-cos-tagging": "age=18"})
    body = b"<Tagging><TagSet><Tag><Key>team</Key><Value>&amp; co</Value></Tag></TagSet></Tagging>"
    assert b"<Key>age</Key><Value>18</Value>" in call("GET", bucket, "a", params={"tagging": ""}).content
    assert call("PUT", bucket, "a", params={"tagging": ""}, data=body).status_code == 200
    assert b"<Key>team</Key><Value>&amp; co</Value>" in call("GET", bucket, "a", params={"tagging": ""}).content
    assert call("DELETE", bucket, "a", params={"tagging": ""}).status_code == 204
    assert b"<TagSet></TagSet>" in call("GET", bucket, "a", params={"tagging": ""}).content


def test_too_many_tags_are_invalid(call, bucket):
    tags = "&".join(f"k{number}=v" for number in range(11))
    assert code(call("PUT", bucket, "a", headers={"x-cos-tagging": tags})) == "InvalidTag"


def test_path_style_is_forbidden(cos, bucket, call):
    for answer in (requests.get(f"{cos.url}/{bucket}/a", timeout=5), call("GET", bucket, "a", host="localhost")):
        assert (answer.status_code, code(answer)) == (403, "PathStyleDomainForbidden")


@pytest.mark.parametrize(
    "domain",
    ["cos.ap-guangzhou.myqcloud.com", "cos.ap-guangzhou.tencentcos.cn", "cos-internal.ap-guangzhou.tencentcos.cn"],
)
@pytest.mark.parametrize("port", ["", ":8080"])
def test_a_bucket_has_several_domains(call, bucket, domain, port):
    assert call("HEAD", bucket, host=f"{bucket}.{domain}{port}").status_code == 200


def test_a_bucket_is_not_found_at_another_region(call, bucket):
    answer = call("GET", bucket, host=f"{bucket}.cos.ap-beijing.myqcloud.com")
    assert (answer.status_code, code(answer)) == (404, "NoSuchBucket")


def test_acceleration_is_not_enabled(call, bucket):
    assert code(call("GET", bucket, host=f"{bucket}.cos.accelerate.myqcloud.com")) == "BucketAccelerateNotEnabled"


def test_buckets_are_made_found_listed_and_deleted(call):
    name, host = "made-1250000000", "made-1250000000.cos.eu-frankfurt.myqcloud.com"
    assert call("PUT", name, host=host).status_code == 200
    assert code(call("PUT", name, host=host)) == "BucketAlreadyOwnedByYou"
    assert call("HEAD", name, host=host).headers["x-cos-bucket-region"] == "eu-frankfurt"
    assert b"<Name>made-1250000000</Name>" in call("GET", "", host="cos.eu-frankfurt.myqcloud.com").content
    call("PUT", name, "a", host=host)
    assert code(call("DELETE", name, host=host)) == "BucketNotEmpty"
    call("DELETE", name, "a", host=host)
    assert call("DELETE", name, host=host).status_code == 204
    assert call("HEAD", name, host=host).status_code == 404


def test_a_bucket_without_appid_is_an_invalid_name(call):
    assert code(call("PUT", "noappid")) == "InvalidBucketName"


def test_what_the_emulator_does_not_know_is_not_implemented(call, bucket):
    assert call("GET", bucket, params={"acl": ""}).status_code == 501
    assert call("GET", bucket, params={"uploads": ""}).status_code == 501
    assert call("GET", bucket, "a", params={"uploadId": "1"}).status_code == 501
    assert call("POST", bucket, "a").status_code == 405


def test_a_key_that_is_not_utf8_is_an_invalid_uri(cos, bucket):
    answer = requests.get(f"{cos.url}/%FF", headers={"Host": cos.bucket_host(bucket)}, timeout=5)
    assert code(answer) == "InvalidURI"


def test_callers_share_the_emulator_without_mixing_up(cos, bucket):
    from concurrent.futures import ThreadPoolExecutor

    def put_and_get(number):
        call = Caller(cos)
        data = str(number).encode() * 50_000
        call("PUT", bucket, f"k{number}", data=data)
        return call("GET", bucket, f"k{number}").content == data

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(put_and_get, range(40)))
    assert len(cos.keys(bucket)) == 40
