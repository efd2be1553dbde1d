# SPDX-License-Identifier: Apache-2.0
"""Files of any size, sent whole or in parts; seen under their key when they are complete, or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import signal

import pytest

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.exceptions import (
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import RESET, Reply, error_reply

MIB = 1024 * 1024
DATA = random.Random(9).randbytes(3 * MIB + 1000)
KEY = "parts/中文 a+b.parquet"
IN_PARTS = {"threshold": MIB, "part_size": MIB}
INITIATED = Reply(body=b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
SENT = Reply(headers={"ETag": '"e"'})


@pytest.fixture(scope="module")
def emulator():
    with COSEmulator() as started:
        started.create_bucket(BUCKET)
        yield started


@pytest.fixture
def cos(emulator):
    yield emulator
    emulator.clear_faults()
    for key in emulator.keys(BUCKET):
        emulator.delete_object(BUCKET, key)


@pytest.fixture
def uploader(cos):
    settings = ClientSettings(
        credentials=Credentials(cos.connection["login"], cos.connection["password"]),
        region="ap-guangzhou",
        endpoint_url=cos.url,
        timeout=5,
    )
    with COSClient(settings=settings, retry_policy=QUICK) as opened:
        yield opened


@pytest.fixture
def path(tmp_path):
    (tmp_path / "one.parquet").write_bytes(DATA)
    return tmp_path / "one.parquet"


def unfinished(cos):
    (bucket,) = cos.state()["buckets"]
    return bucket["uploads"]


def happened(cos):
    return [fault["happened"] for fault in cos.faults()]


def test_a_small_file_is_sent_in_one_request(cos, uploader, path):
    info = uploader.upload_file(BUCKET, KEY, path)
    assert cos.get_object(BUCKET, KEY) == DATA
    assert (info.size, info.etag) == (len(DATA), hashlib.md5(DATA).hexdigest())


def test_a_large_file_is_sent_in_parts_and_is_the_same(cos, uploader, path):
    info = uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert cos.get_object(BUCKET, KEY) == DATA
    assert info.size == len(DATA)
    assert info.etag.endswith("-4")
    head = uploader.head_object(BUCKET, KEY)
    assert (head.size, head.etag) == (info.size, info.etag)
    assert unfinished(cos) == 0


def test_the_threshold_is_the_largest_file_of_one_request(client, server, path):
    client.upload_file(BUCKET, KEY, path, threshold=len(DATA))
    assert [seen.method for seen in server.seen] == ["PUT"]
    server.answer(INITIATED, *[SENT] * 4, Reply(body=b"<CompleteMultipartUploadResult/>"))
    client.upload_file(BUCKET, KEY, path, threshold=len(DATA) - 1, part_size=MIB)
    assert [seen.method for seen in server.seen] == ["POST", *["PUT"] * 4, "POST"]


def test_an_empty_file_is_an_empty_object(cos, uploader, tmp_path):
    (tmp_path / "empty").touch()
    uploader.upload_file(BUCKET, KEY, tmp_path / "empty", threshold=0)
    assert cos.get_object(BUCKET, KEY) == b""


def test_parts_grow_so_that_there_are_not_too_many(client, server, path, monkeypatch):
    monkeypatch.setattr("airflow_provider_cosinv.cos.uploads.MAX_PARTS", 3)
    server.answer(INITIATED, *[SENT] * 3, Reply(body=b"<CompleteMultipartUploadResult/>"))
    client.upload_file(BUCKET, KEY, path, threshold=0, part_size=10)
    sizes = [len(seen.body) for seen in server.seen if seen.method == "PUT"]
    assert sum(sizes) == len(DATA)
    assert sizes == [len(DATA) // 3 + 1, len(DATA) // 3 + 1, len(DATA) - 2 * (len(DATA) // 3 + 1)]


def test_what_is_sent_names_upload_part_and_md5(client, server, path):
    server.answer(INITIATED, *[SENT] * 4, Reply(body=b"<CompleteMultipartUploadResult/>"))
    client.upload_file(BUCKET, "k", path, **IN_PARTS)
    first, *parts, last = server.seen
    assert (first.method, first.target) == ("POST", "/k?uploads=")
    assert [seen.target for seen in parts] == [f"/k?partNumber={number}&uploadId=u1" for number in (1, 2, 3, 4)]
    assert all("content-md5" in seen.headers for seen in [*parts, last])
    assert (last.method, last.target) == ("POST", "/k?uploadId=u1")
    assert last.body.count(b"<Part>") == 4
    assert b'<Part><PartNumber>1</PartNumber><ETag>"e"</ETag></Part>' in last.body


@pytest.mark.parametrize("action", ["InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
@pytest.mark.parametrize(
    "fault",
    [{"reset": "before"}, {"status": 503, "code": "SlowDown"}, {"status": 500, "body": ""}],
    ids=["reset", "slow", "500"],
)
def test_a_fault_of_any_request_is_tried_again(cos, uploader, path, action, fault):
    cos.fault(action=action, nth=2 if action == "UploadPart" else 1, times=2, **fault)
    uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert cos.get_object(BUCKET, KEY) == DATA
    assert happened(cos) == [2]
    assert unfinished(cos) == 0


def test_a_part_whose_answer_is_lost_is_sent_again_and_counts_once(cos, uploader, path):
    cos.fault(action="UploadPart", nth=2, reset="after")
    uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert cos.get_object(BUCKET, KEY) == DATA


@pytest.mark.parametrize("fault", [{"reset": "after"}, {"cut_after": 6}], ids=["reset", "cut"])
def test_an_upload_whose_completion_was_not_heard_of_is_found_complete(cos, uploader, path, fault):
    cos.fault(action="CompleteMultipartUpload", **fault)
    info = uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert cos.get_object(BUCKET, KEY) == DATA
    assert (info.size, info.etag) == (len(DATA), uploader.head_object(BUCKET, KEY).etag)


@pytest.mark.parametrize(
    "found",
    [
        Reply(status=404),
        Reply(headers={"ETag": '"e-3"', "Content-Length": str(len(DATA))}),
        Reply(headers={"ETag": '"e-4"', "Content-Length": "7"}),
    ],
    ids=["nothing", "other-parts", "other-size"],
)
def test_another_object_in_its_place_does_not_pass_for_a_completed_upload(client, server, path, found):
    gone = error_reply(404, "NoSuchUpload")
    server.answer(INITIATED, *[SENT] * 4, RESET, gone, found, Reply(status=204))
    with pytest.raises(COSInventoryNotFoundError) as caught:
        client.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert caught.value.code == "NoSuchUpload"


def test_an_upload_that_is_gone_before_its_completion_was_asked_for_is_an_error(client, server, path):
    server.answer(INITIATED, *[SENT] * 4, error_reply(404, "NoSuchUpload"))
    with pytest.raises(COSInventoryNotFoundError, match="Complete Multipart Upload"):
        client.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert "HEAD" not in [seen.method for seen in server.seen]


def test_blanks_before_the_answer_to_completion_are_no_answer(client, server, path):
    late = b" " * 5000 + b"<?xml version='1.0'?><CompleteMultipartUploadResult><ETag>\"x-4\"</ETag>"
    server.answer(INITIATED, *[SENT] * 4, Reply(body=late + b"</CompleteMultipartUploadResult>", announce=False))
    assert client.upload_file(BUCKET, KEY, path, **IN_PARTS).etag == "x-4"


def test_an_error_below_a_200_is_an_error(cos, uploader, path):
    body = "  <Error><Code>AccessDenied</Code><Message>Not you.</Message></Error>"
    cos.fault(action="CompleteMultipartUpload", body=body, content_type="application/xml", times=None)
    with pytest.raises(COSInventoryRequestError, match="Not you"):
        uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert happened(cos) == [1]
    assert cos.keys(BUCKET) == []


def test_a_fault_of_cos_below_a_200_is_tried_again(cos, uploader, path):
    body = "<Error><Code>InternalError</Code><Message>Try again.</Message></Error>"
    cos.fault(action="CompleteMultipartUpload", body=body, content_type="application/xml")
    uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert cos.get_object(BUCKET, KEY) == DATA


@pytest.mark.parametrize(("action", "nth"), [("UploadPart", 3), ("CompleteMultipartUpload", 1)])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403, "code": "AccessDenied"}, COSInventoryPermissionError),
        ({"status": 500, "code": "InternalError"}, COSInventoryTransientError),
    ],
    ids=["403", "500"],
)
def test_an_upload_that_fails_for_good_leaves_what_was_there_and_no_parts(
    cos, uploader, path, action, nth, fault, error
):
    cos.put_object(BUCKET, KEY, b"before")
    cos.fault(action=action, nth=nth, times=None, **fault)
    with pytest.raises(error) as caught:
        uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert caught.value.key == KEY
    assert cos.get_object(BUCKET, KEY) == b"before"
    assert unfinished(cos) == 0


def test_a_task_that_is_stopped_leaves_no_parts(client, server, path):
    class Stopped(BaseException):
        pass

    def stop(*_):
        raise Stopped

    def stop_the_client(_):
        os.kill(os.getpid(), signal.SIGUSR1)
        return Reply(delay=0.2)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        server.answer(INITIATED, SENT, stop_the_client, Reply(status=204))
        with pytest.raises(Stopped):
            client.upload_file(BUCKET, KEY, path, **IN_PARTS)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (server.seen[-1].method, server.seen[-1].target.partition("?")[2]) == ("DELETE", "uploadId=u1")


def test_parts_that_cannot_be_removed_are_told_of_beside_the_first_error(cos, uploader, path, caplog):
    cos.fault(action="UploadPart", status=403, code="AccessDenied")
    cos.fault(action="AbortMultipartUpload", status=403, code="AccessDenied")
    with caplog.at_level(logging.WARNING), pytest.raises(COSInventoryPermissionError, match="Upload Part"):
        uploader.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert f"Parts of cos://{BUCKET}/{KEY} stay" in caplog.text


def test_removing_what_is_gone_is_no_news(client, server, path, caplog):
    server.answer(INITIATED, error_reply(403, "AccessDenied"), error_reply(404, "NoSuchUpload"))
    with caplog.at_level(logging.WARNING), pytest.raises(COSInventoryPermissionError):
        client.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert not caplog.records


@pytest.mark.parametrize(
    "replies",
    [[Reply(body=b"<InitiateMultipartUploadResult/>")], [INITIATED, Reply(), Reply(status=204)]],
    ids=["no-upload-id", "no-etag"],
)
def test_an_answer_that_is_not_one_of_cos_is_refused(client, server, path, replies):
    server.answer(*replies)
    with pytest.raises(COSInventoryRequestError, match=r"has no (UploadId|ETag)") as caught:
        client.upload_file(BUCKET, KEY, path, **IN_PARTS)
    assert "endpoint_url" in caught.value.hint
