# SPDX-License-Identifier: Apache-2.0
"""Uploads in parts, with the checks that COS documents."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_cosinv.emulator.storage.bodies import JoinedBody, MemoryBody
from airflow_provider_cosinv.inventory.xml import parse_xml
from tests.emulator.client import Caller, code, sdk

MIB = 1024 * 1024
KEY = "数据/a b+c%&.bin"
PARTS = [b"1" * MIB, b"2" * (MIB + 5), b"3"]


def begin(call, bucket, key=KEY, **headers):
    answer = call("POST", bucket, key, params={"uploads": ""}, headers=headers)
    root = parse_xml(answer.content)
    assert (root.findtext("Bucket"), root.findtext("Key")) == (bucket, key)
    return root.findtext("UploadId")


def send(call, bucket, upload_id, number, data, key=KEY, **headers):
    params = {"partNumber": str(number), "uploadId": upload_id}
    return call("PUT", bucket, key, params=params, data=data, headers=headers)


def complete(call, bucket, upload_id, named, key=KEY):
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in named)
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    return call("POST", bucket, key, params={"uploadId": upload_id}, data=body)


def named(*parts):
    return [(number, f'"{hashlib.md5(data).hexdigest()}"') for number, data in enumerate(parts, start=1)]


def test_parts_make_an_object(cos, call, bucket):
    upload_id = begin(call, bucket, **{"x-cos-meta-owner": "web", "x-cos-storage-class": "STANDARD_IA"})
    etags = [send(call, bucket, upload_id, n, data).headers["ETag"] for n, data in enumerate(PARTS, start=1)]
    assert [*enumerate(etags, start=1)] == named(*PARTS)
    assert cos.keys(bucket) == []
    answer = complete(call, bucket, upload_id, enumerate(etags, start=1))
    root = parse_xml(answer.content.strip())
    assert answer.status_code == 200
    assert root.findtext("ETag").endswith('-3"')
    got = call("GET", bucket, KEY)
    assert got.content == b"".join(PARTS)
    assert got.headers["ETag"] == root.findtext("ETag")
    assert (got.headers["x-cos-meta-owner"], got.headers["x-cos-storage-class"]) == ("web", "STANDARD_IA")
    call("PUT", bucket, "whole", data=b"".join(PARTS))
    assert got.headers["x-cos-hash-crc64ecma"] == call("HEAD", bucket, "whole").headers["x-cos-hash-crc64ecma"]
    for first, last in ((MIB - 2, 2 * MIB + 5), (MIB - 2, MIB + 1), (MIB + 1, MIB + 3)):
        part = call("GET", bucket, KEY, headers={"Range": f"bytes={first}-{last}"})
        assert part.content == b"".join(PARTS)[first : last + 1]


def test_the_later_of_two_parts_with_one_number_counts(call, bucket):
    upload_id = begin(call, bucket)
    send(call, bucket, upload_id, 1, b"first")
    send(call, bucket, upload_id, 1, b"second")
    assert code(complete(call, bucket, upload_id, named(b"first"))) == "InvalidPart"
    assert complete(call, bucket, upload_id, named(b"second")).status_code == 200
    assert call("GET", bucket, KEY).content == b"second"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([2, 1], "InvalidPartOrder"),
        ([1, 1], "InvalidPartOrder"),
        ([2, 3], "InvalidPart"),
        ([1, 2, 3, 4], "InvalidPart"),
        (["x"], "MalformedXML"),
        ([], "MalformedXML"),
    ],
    ids=["backwards", "twice", "gap", "unsent", "no-number", "none"],
)
def test_a_list_of_parts_that_is_wrong_completes_nothing(cos, call, bucket, numbers, expected):
    upload_id = begin(call, bucket)
    for number, data in enumerate(PARTS, start=1):
        send(call, bucket, upload_id, number, data)
    etags = dict(named(*PARTS))
    answer = complete(call, bucket, upload_id, [(number, etags.get(number, '"e"')) for number in numbers])
    assert (answer.status_code, code(answer)) == (400, expected)
    assert cos.keys(bucket) == []
    assert complete(call, bucket, upload_id, named(*PARTS)).status_code == 200


def test_a_part_under_1_mb_must_be_the_last(call, bucket):
    upload_id = begin(call, bucket)
    for number, data in enumerate([b"small", b"last"], start=1):
        send(call, bucket, upload_id, number, data)
    answer = complete(call, bucket, upload_id, named(b"small", b"last"))
    assert (answer.status_code, code(answer)) == (400, "EntityTooSmall")


@pytest.mark.parametrize("number", ["0", "10001", "x", ""])
def test_a_part_has_a_number_from_1_to_10000(call, bucket, number):
    answer = send(call, bucket, begin(call, bucket), number, b"1")
    assert (answer.status_code, code(answer)) == (400, "InvalidArgument")


def test_the_md5_of_a_part_is_checked(call, bucket):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert code(send(call, bucket, begin(call, bucket), 1, b"1", **{"Content-MD5": wrong})) == "BadDigest"


def test_an_upload_that_ended_does_not_exist(cos, call, bucket):
    completed, aborted = begin(call, bucket), begin(call, bucket)
    send(call, bucket, completed, 1, b"1")
    assert complete(call, bucket, completed, named(b"1")).status_code == 200
    assert call("DELETE", bucket, KEY, params={"uploadId": aborted}).status_code == 204
    for upload_id in (completed, aborted, "never"):
        for answer in (
            send(call, bucket, upload_id, 1, b"1"),
            complete(call, bucket, upload_id, named(b"1")),
            call("DELETE", bucket, KEY, params={"uploadId": upload_id}),
        ):
            assert (answer.status_code, code(answer)) == (404, "NoSuchUpload")


def test_an_upload_belongs_to_one_key_and_bucket(cos, call, bucket, destination):
    upload_id = begin(call, bucket)
    assert code(send(call, bucket, upload_id, 1, b"1", key="other")) == "NoSuchUpload"
    assert code(send(call, destination, upload_id, 1, b"1")) == "NoSuchUpload"


def test_unfinished_uploads_are_counted(cos, call, bucket):
    def count():
        return next(one["uploads"] for one in cos.state()["buckets"] if one["name"] == bucket)

    upload_id = begin(call, bucket)
    assert count() == 1
    call("DELETE", bucket, KEY, params={"uploadId": upload_id})
    assert count() == 0


def test_parts_are_sent_in_any_order_and_at_once(cos, bucket):
    call = Caller(cos)
    upload_id = begin(call, bucket)
    data = [bytes([65 + number]) * MIB for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: send(Caller(cos), bucket, upload_id, n + 1, data[n]), range(7, -1, -1)))
    assert complete(call, bucket, upload_id, named(*data)).status_code == 200
    assert cos.get_object(bucket, KEY) == b"".join(data)


def test_a_versioned_bucket_keeps_what_was_there(cos, call):
    name = "multipartversions-1250000000"
    cos.create_bucket(name, versioning=True)
    old = call("PUT", name, KEY, data=b"old").headers["x-cos-version-id"]
    upload_id = begin(call, name)
    send(call, name, upload_id, 1, b"new")
    assert complete(call, name, upload_id, named(b"new")).headers["x-cos-version-id"] != old
    assert call("GET", name, KEY, params={"versionId": old}).content == b"old"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"x-cos-storage-class": "standard"}, "InvalidStorageClass"), ({"x-cos-tagging": "=v"}, "InvalidTag")],
)
def test_what_the_object_shall_be_is_checked_at_the_beginning(call, bucket, headers, expected):
    assert code(call("POST", bucket, KEY, params={"uploads": ""}, headers=headers)) == expected


def test_an_upload_needs_permissions_of_its_own(cos, call, bucket):
    cos.add_credential(secret_id="putter", secret_key="k", allow=["cos:PutObject"])
    answer = Caller(cos, secret_id="putter", secret_key="k")("POST", bucket, KEY, params={"uploads": ""})
    assert (answer.status_code, "cos:InitiateMultipartUpload" in answer.text) == (403, True)


def test_the_sdk_uploads_in_parts(cos, bucket):
    client = sdk(cos)
    upload = client.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"]
    sent = [
        client.upload_part(Bucket=bucket, Key=KEY, Body=data, PartNumber=number, UploadId=upload, EnableMD5=True)
        for number, data in enumerate(PARTS, start=1)
    ]
    parts = {"Part": [{"PartNumber": number, "ETag": one["ETag"]} for number, one in enumerate(sent, start=1)]}
    answer = client.complete_multipart_upload(Bucket=bucket, Key=KEY, UploadId=upload, MultipartUpload=parts)
    assert answer["ETag"] == client.head_object(Bucket=bucket, Key=KEY)["ETag"]
    assert cos.get_object(bucket, KEY) == b"".join(PARTS)
    other = client.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"]
    client.abort_multipart_upload(Bucket=bucket, Key=KEY, UploadId=other)


def test_joined_bodies_are_read_from_anywhere_to_anywhere():
    whole = b"abcdefghi"
    body = JoinedBody([(MemoryBody(b"abc"), 3), (MemoryBody(b""), 0), (MemoryBody(b"defg"), 4), (MemoryBody(b"hi"), 2)])
    for start in range(10):
        for length in range(10 - start):
            assert b"".join(body.read(start, length)) == whole[start : start + length]
