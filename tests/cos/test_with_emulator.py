# SPDX-License-Identifier: Apache-2.0
"""Both halves against the emulator, which checks signatures with code of its own."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import replace
from itertools import count

import pytest

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.models import CommonPrefix
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.emulator import COSEmulator, EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
)
from airflow_provider_cosinv.inventory.configuration import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.inventory.report.layout import CHECKSUM_NAME
from tests.cos.conftest import QUICK, AsyncHalf

TEMPORARY = Credentials("AKIDtemporary", "temporary-key", "temporary-token")
ODD_KEYS = ["plain", "a b+c%&'\"(1),.txt", "数据/x", "/leading", "a//b", "a/../b", "a/..", "./c", "d/", "q?x=1#y", "~"]
_numbers = count()


@pytest.fixture(scope="module")
def emulator():
    with COSEmulator(settings=EmulatorSettings(post_rate=0)) as started:
        yield started


@pytest.fixture
def cos(emulator):
    """The emulator without faults and with the right time."""
    yield emulator
    emulator.clear_faults()
    emulator.set_clock_offset(0)


@pytest.fixture
def bucket(cos):
    name = f"wire{next(_numbers)}-1250000000"
    cos.create_bucket(name)
    return name


@pytest.fixture
def settings(cos):
    return ClientSettings(
        credentials=Credentials(cos.connection["login"], cos.connection["password"]),
        region="ap-guangzhou",
        endpoint_url=cos.url,
        timeout=10,
    )


@pytest.fixture
def client(settings):
    with COSClient(settings=settings, retry_policy=QUICK) as opened:
        yield opened


def configuration(bucket, inventory_id="once", **more):
    return InventoryConfiguration(
        inventory_id=inventory_id, destination=Destination(bucket=bucket, region="ap-guangzhou", prefix="inv"), **more
    )


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_key_is_written_and_read_back_by_both_halves(client, half, settings, bucket, key):
    body = key.encode() * 3
    written = client.put_object(bucket, key, body)
    assert written.etag == hashlib.md5(body).hexdigest()
    assert client.head_object(bucket, key).size == len(body)
    assert half.call(settings, "get_object", bucket, key, max_bytes=1000).body == body
    assert b"".join(client.stream_object(bucket, key, chunk_size=4)) == body
    assert [entry.key for entry in client.list_objects(bucket, prefix=key)] == [key]


def test_a_listing_pages_through_all_keys(client, bucket):
    keys = sorted(ODD_KEYS)
    for key in keys:
        client.put_object(bucket, key, io.BytesIO(b"x"))
    assert [entry.key for entry in client.list_objects(bucket, max_keys=2)] == keys
    folders = list(client.list_objects(bucket, delimiter="/", max_keys=2))
    assert CommonPrefix(prefix="a/") in folders
    assert len(folders) < len(keys)


def test_an_inventory_is_submitted_and_its_report_read(client, half, settings, cos, bucket):
    for n in range(3):
        client.put_object(bucket, f"data/{n}", b"x" * n)
    job = client.post_bucket_inventory(bucket, configuration(bucket))
    assert job.job_id == cos.jobs()[-1]["job_id"]
    assert job.request_id
    assert job.server_time.tzinfo
    (checksum,) = [
        entry.key for entry in client.list_objects(bucket, prefix="inv/") if entry.key.endswith(CHECKSUM_NAME)
    ]
    manifest = checksum.replace(".checksum", ".json")
    told = half.call(settings, "get_object", bucket, checksum, max_bytes=100).body.decode()
    digest = AsyncHalf().call(settings, "digest_object", bucket, manifest, max_bytes=10_000)
    assert digest.md5_hex == told.strip().lower()
    listed = json.loads(half.call(settings, "get_object", bucket, manifest, max_bytes=10_000).body)
    assert int(listed["listObjectCount"]) == 3


def test_the_same_id_is_a_duplicate_the_second_time(client, bucket):
    client.post_bucket_inventory(bucket, configuration(bucket))
    with pytest.raises(COSInventoryDuplicateError):
        client.post_bucket_inventory(bucket, configuration(bucket))


FAULTS = {
    "reset": {"reset": "after"},
    "500": {"handle": True, "status": 500, "code": "InternalError"},
    "502": {"handle": True, "status": 502, "body": "<html>bad gateway</html>"},
    "504": {"handle": True, "status": 504},
    "time-out": {"delay_after": 0.6},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_submission_whose_answer_is_lost_is_accepted_once(settings, cos, bucket, caplog, fault):
    cos.fault(method="POST", bucket=bucket, **fault)
    with (
        caplog.at_level(logging.WARNING),
        COSClient(settings=replace(settings, timeout=0.3), retry_policy=QUICK) as client,
    ):
        job = client.post_bucket_inventory(bucket, configuration(bucket))
    assert cos.accepted_posts(bucket) == 1
    assert (job.job_id, job.attached) == (None, True)


def test_a_submission_that_never_arrived_is_accepted_once_too(client, cos, bucket):
    cos.fault(method="POST", bucket=bucket, reset="before", times=2)
    job = client.post_bucket_inventory(bucket, configuration(bucket))
    assert cos.accepted_posts(bucket) == 1
    assert (job.job_id is None, job.attached) == (False, False)


@pytest.mark.parametrize("body", ["", "<html/>", "<PostInv"])
def test_an_accepted_submission_with_a_spoilt_answer_is_accepted_once(client, cos, bucket, body):
    cos.fault(method="POST", bucket=bucket, handle=True, body=body)
    assert client.post_bucket_inventory(bucket, configuration(bucket)).job_id is None
    assert cos.accepted_posts(bucket) == 1


def test_more_submissions_than_cos_takes_in_a_second_all_get_through():
    limited = EmulatorSettings(post_rate=20)
    with COSEmulator(settings=limited) as cos:
        cos.create_bucket("busy-1250000000")
        made = ClientSettings(
            credentials=Credentials(cos.connection["login"], cos.connection["password"]),
            region="ap-guangzhou",
            endpoint_url=cos.url,
        )
        policy = RetryPolicy(throttled_attempts=20, first_wait=0.02, max_wait=0.2)
        with COSClient(settings=made, retry_policy=policy) as client:
            for n in range(8):
                client.post_bucket_inventory("busy-1250000000", configuration("busy-1250000000", f"id{n}"))
        assert cos.accepted_posts("busy-1250000000") == 8


def test_rules_are_put_listed_over_pages_read_and_deleted(client, bucket):
    rules = [configuration(bucket, f"ID-{n}", schedule=Schedule(frequency="Daily")) for n in range(105)]
    for rule in rules:
        client.put_bucket_inventory(bucket, rule)
    assert list(client.list_bucket_inventory(bucket)) == rules
    assert client.get_bucket_inventory(bucket, "ID-7") == rules[7]
    client.delete_bucket_inventory(bucket, "ID-7")
    with pytest.raises(COSInventoryNotFoundError) as caught:
        client.get_bucket_inventory(bucket, "ID-7")
    assert caught.value.code == "InventoryConfigurationNotFoundError"
    client.delete_bucket_inventory(bucket, "ID-7")


def test_a_missing_object_and_a_missing_bucket_differ_by_code(half, settings, bucket):
    for there, code in ((bucket, "NoSuchKey"), ("missing-1250000000", "NoSuchBucket")):
        with pytest.raises(COSInventoryNotFoundError) as caught:
            half.call(settings, "get_object", there, "k", max_bytes=10)
        assert caught.value.code == code


def test_a_bucket_of_another_region_is_not_found(half, settings, bucket):
    with pytest.raises(COSInventoryNotFoundError) as caught:
        half.call(replace(settings, region="ap-beijing"), "head_bucket", bucket)
    assert "ap-beijing" in caught.value.hint


@pytest.mark.parametrize("url", [str.lower, str.upper])
def test_the_scheme_of_an_endpoint_may_be_written_in_any_case(half, settings, bucket, url):
    written = replace(settings, endpoint_url=url(settings.endpoint_url))
    assert half.call(written, "head_bucket", bucket).region == "ap-guangzhou"


def test_head_of_a_bucket_tells_its_region(half, settings, bucket):
    assert half.call(settings, "head_bucket", bucket).region == "ap-guangzhou"


def test_temporary_credentials_work_until_they_expire(half, settings, cos, bucket):
    cos.add_credential(
        secret_id=TEMPORARY.secret_id, secret_key=TEMPORARY.secret_key, token=TEMPORARY.token, expires_in=600
    )
    temporary = replace(settings, credentials=TEMPORARY)
    half.call(temporary, "head_bucket", bucket)
    cos.set_clock_offset(700)
    with pytest.raises(COSInventoryPermissionError) as caught:
        half.call(temporary, "get_object", bucket, "k", max_bytes=10)
    assert caught.value.code == "ExpiredToken"
    assert "renew" in caught.value.hint


def test_a_wrong_key_a_wrong_clock_and_a_lacking_permission_say_what_to_do(half, settings, cos, bucket):
    def refusal(made):
        with pytest.raises(COSInventoryPermissionError) as caught:
            half.call(made, "get_object", bucket, "k", max_bytes=10)
        return caught.value

    right = settings.credentials
    wrong = refusal(replace(settings, credentials=replace(right, secret_key="wrong")))
    assert (wrong.code, wrong.hint.split(":")[0]) == (
        "SignatureDoesNotMatch",
        "Check SecretId and SecretKey of the connection",
    )
    assert refusal(replace(settings, credentials=replace(right, secret_id="AKIDwho"))).code == "InvalidAccessKeyId"
    cos.add_credential(secret_id="AKIDpoor", secret_key="poor-key", deny=["cos:GetObject"])
    poor = refusal(replace(settings, credentials=Credentials("AKIDpoor", "poor-key")))
    assert poor.code == "AccessDenied"
    assert "name/cos:GetObject" in poor.hint
    cos.set_clock_offset(-86400)
    assert "clock" in refusal(settings).hint


def test_a_cut_download_resumes_in_the_same_object(client, cos, bucket):
    body = bytes(range(256)) * 4000
    client.put_object(bucket, "big", body)
    cos.fault(method="GET", key="big", bucket=bucket, cut_after=500_000)
    assert b"".join(client.stream_object(bucket, "big", chunk_size=10_000)) == body


@pytest.mark.parametrize("status", [405, 451, 501])
def test_other_refusals_are_errors_at_once(half, settings, cos, bucket, status):
    cos.fault(bucket=bucket, method="GET", status=status)
    with pytest.raises(COSInventoryRequestError) as caught:
        half.call(settings, "get_object", bucket, "k", max_bytes=10)
    assert caught.value.status == status


def test_an_empty_object_is_not_taken_for_one_that_was_cut(client, cos, bucket, caplog):
    caplog.set_level("INFO")
    cos.put_object(bucket, "empty", b"")
    assert list(client.stream_object(bucket, "empty")) == []
    assert "Try 2" not in caplog.text


def test_the_folders_of_a_prefix_are_listed_over_many_pages(emulator, settings):
    bucket = f"folders{next(_numbers)}-1250000000"
    emulator.create_bucket(bucket)
    folders = [f"图/2{number:04}/" for number in range(1005)]
    for folder in folders:
        emulator.put_object(bucket, f"{folder}manifest.json", b"")
    emulator.put_object(bucket, "图/2.csv.gz", b"")
    emulator.put_object(bucket, "other/20000/x", b"")
    half = AsyncHalf()
    assert half.call(settings, "list_prefixes", bucket, prefix="图/2") == folders
    assert half.call(settings, "list_prefixes", bucket, prefix="图/2", marker="图/210020") == folders[1003:]
    assert half.call(settings, "list_prefixes", bucket, prefix="nothing/") == []
