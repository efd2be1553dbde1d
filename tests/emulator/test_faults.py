# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import pytest
import requests

from airflow_provider_cosinv.inventory.configuration_xml import post_body
from tests.emulator.client import code, configuration, manifest_of, only_job, submit


def test_an_error_is_answered_instead_of_handling_the_request(cos, call, bucket):
    cos.fault(method="put", action="PutObject", bucket=bucket, key="^a", status=503, code="SlowDown", message="Later.")
    answer = call("PUT", bucket, "a")
    assert (answer.status_code, code(answer)) == (503, "SlowDown")
    assert "Later." in answer.text
    assert answer.headers["x-cos-request-id"]
    assert cos.keys(bucket) == []
    assert call("PUT", bucket, "a").status_code == 200


def test_a_code_alone_has_its_usual_status(cos, call, bucket):
    cos.fault(bucket=bucket, code="SlowDown")
    assert call("GET", bucket).status_code == 503


def test_a_request_can_be_handled_and_still_answered_with_an_error(cos, call, bucket):
    cos.fault(action="PutObject", bucket=bucket, status=500, code="InternalError", handle=True)
    assert call("PUT", bucket, "a").status_code == 500
    assert cos.keys(bucket) == ["a"]


def test_nth_and_times_say_which_requests_are_met(cos, call, bucket):
    cos.fault(bucket=bucket, nth=2, times=2, status=500, code="InternalError")
    assert [call("HEAD", bucket).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    (report,) = cos.faults()
    assert (report["seen"], report["happened"]) == (5, 2)


def test_a_fault_without_an_end_happens_until_it_is_cleared(cos, call, bucket):
    cos.fault(bucket=bucket, times=None, status=500, code="InternalError")
    assert {call("HEAD", bucket).status_code for _ in range(3)} == {500}
    cos.clear_faults()
    assert call("HEAD", bucket).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"status": 502, "body": "<html>Bad Gateway</html>"}, 502, "<html>Bad Gateway</html>"),
        ({"status": 503, "body": ""}, 503, ""),
        ({"body": "{}", "content_type": "application/json"}, 200, "{}"),
        ({"truncate_to": 20}, 200, "<?xml version='1.0' "),
    ],
)
def test_an_answer_can_be_anything(cos, call, bucket, fault, status, text):
    cos.fault(bucket=bucket, **fault)
    answer = call("GET", bucket)
    assert (answer.status_code, answer.text) == (status, text)


def test_an_answer_can_be_a_redirection(cos, call, bucket):
    cos.fault(bucket=bucket, status=307, body="", headers={"Location": "http://127.0.0.1:1/"})
    answer = call("GET", bucket)
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:1/")


def test_an_answer_can_be_huge(cos, call, bucket):
    cos.fault(bucket=bucket, pad_to=3_000_000)
    assert len(call("GET", bucket).content) == 3_000_000


def test_a_connection_can_be_reset_before_the_request_is_handled(cos, call, bucket):
    cos.fault(bucket=bucket, action="PutObject", reset="before")
    with pytest.raises(requests.ConnectionError, match="reset"):
        call("PUT", bucket, "a")
    assert cos.keys(bucket) == []


def test_a_connection_can_be_reset_after_the_request_is_handled(cos, call, bucket, destination):
    cos.fault(bucket=bucket, action="PostBucketInventory", reset="after")
    with pytest.raises(requests.ConnectionError, match="reset"):
        submit(call, bucket, configuration("one", destination))
    assert cos.accepted_posts(bucket) == 1
    assert code(submit(call, bucket, configuration("one", destination))) == "DuplicateInventoryId"


@pytest.mark.parametrize(("name", "accepted"), [("delay", 0), ("delay_after", 1)])
def test_a_client_can_time_out_before_or_after_the_request_is_handled(cos, call, bucket, destination, name, accepted):
    cos.fault(bucket=bucket, action="PostBucketInventory", **{name: 1.0})
    inventory = configuration("one", destination)
    with pytest.raises(requests.Timeout):
        call("POST", bucket, params={"inventory": "", "id": "one"}, data=post_body(inventory), timeout=0.3)
    assert cos.accepted_posts(bucket) == accepted
    # Other requests are not held up.
    begun = time.monotonic()
    assert call("HEAD", bucket).status_code == 200
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize("limit", [0, 10, 700_000])
def test_a_download_can_break_in_the_middle(cos, call, bucket, limit):
    data = bytes(range(250)) * 4000
    cos.put_object(bucket, "a", data)
    cos.fault(bucket=bucket, action="GetObject", cut_after=limit)
    received = b""
    error = None
    try:
        for chunk in call("GET", bucket, "a", stream=True).iter_content(1000):
            received += chunk
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as broken:
        error = broken
    assert error is not None
    assert data.startswith(received)
    assert limit - 1000 < len(received) <= limit
    assert call("GET", bucket, "a").content == data


@pytest.mark.parametrize("place", [0, 4, 600_000])
def test_one_byte_of_a_download_can_be_wrong(cos, call, bucket, place):
    data = bytes(1_000_000)
    cos.put_object(bucket, "a", data)
    cos.fault(bucket=bucket, action="GetObject", corrupt_at=place)
    got = call("GET", bucket, "a").content
    assert [number for number in range(len(data)) if got[number]] == [place]
    assert len(got) == len(data)


def test_a_checksum_can_be_wrong_for_some_polls_and_heal(cos, call, bucket, destination):
    submit(call, bucket, configuration("one", destination))
    job = only_job(cos, bucket)
    key = f"{job['report_prefix']}/{job['date']}/manifest.checksum"
    cos.fault(bucket=destination, key=r"manifest\.checksum$", times=2, corrupt_at=0)
    right = cos.get_object(destination, key)
    assert [call("GET", destination, key).content == right for _ in range(3)] == [False, False, True]


def test_parts_of_a_report_can_be_lost_or_wrong_when_it_is_delivered(cos, call, bucket, destination):
    cos.fault(action="DeliverReport", bucket=destination, key=r"manifest\.checksum$", drop=True)
    cos.put_object(bucket, "a")
    submit(call, bucket, configuration("one", destination))
    assert only_job(cos, bucket)["state"] == "delivered"
    assert {key.rpartition(".")[2] for key in cos.keys(destination)} == {"json", "gz"}
    cos.fault(action="DeliverReport", bucket=destination, key=r"csv\.gz$", truncate_to=3)
    submit(call, bucket, configuration("two", destination))
    second = cos.jobs()[-1]
    (file,) = manifest_of(cos, second)["files"]
    assert len(cos.get_object(destination, file["key"])) == 3


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"colour": "red"}, "no 'colour'"),
        ({"status": "500"}, "status is '500'"),
        ({"key": "("}, "not a valid regular expression"),
        ({"reset": "maybe"}, "before or after"),
    ],
)
def test_a_wrong_fault_is_refused(cos, wrong, text):
    with pytest.raises((ValueError, TypeError), match=text):
        cos.fault(**wrong)
