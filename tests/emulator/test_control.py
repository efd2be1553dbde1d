# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from urllib.parse import quote

import pytest
import requests

from airflow_provider_cosinv.emulator import COSEmulator, Delivery, EmulatorSettings
from airflow_provider_cosinv.emulator.api.app import Application
from airflow_provider_cosinv.emulator.hosts import is_address
from tests.emulator.client import Caller, configuration, put_rule, rule, submit


@pytest.fixture
def control(cos):
    def send(method, path, json=None, **arguments):
        return requests.request(method, f"{cos.url}/_emulator{path}", json=json, timeout=5, **arguments)

    return send


def test_health_needs_nothing(control):
    assert control("GET", "/health").json() == {"status": "ok"}


def test_the_state_counts_objects_bytes_and_accepted_posts(cos, control, call, bucket, destination):
    cos.put_object(bucket, "a", b"12345")
    submit(call, bucket, configuration("one", destination))
    state = control("GET", "/state").json()
    found = next(one for one in state["buckets"] if one["name"] == bucket)
    assert (found["objects"], found["bytes"], found["accepted_posts"]) == (1, 5, 1)
    assert state["jobs"][-1]["inventory_id"] == "one"
    assert abs(state["time"] - time.time()) < 5


def test_a_rule_is_delivered_on_command(control, call, bucket, destination):
    put_rule(call, bucket, rule("daily", destination))
    job = control("POST", "/rules/deliver", {"bucket": bucket, "inventory_id": "daily"}).json()
    assert job["state"] == "delivered"
    missing = control("POST", "/rules/deliver", {"bucket": bucket, "inventory_id": "other"})
    assert (missing.status_code, "InventoryConfigurationNotFoundError" in missing.text) == (404, True)


def test_a_job_is_delivered_on_command():
    with COSEmulator(settings=EmulatorSettings(delivery=Delivery(seconds=3600))) as cos:
        cos.create_bucket("source-1250000000")
        submit(Caller(cos), "source-1250000000", configuration("one", "source-1250000000"))
        job_id = quote(cos.jobs()[0]["job_id"], safe="")
        assert requests.get(f"{cos.url}/_emulator/jobs/{job_id}", timeout=5).json()["state"] in ("scanning", "ready")
        delivered = requests.post(f"{cos.url}/_emulator/jobs/{job_id}/deliver", timeout=5).json()
        assert delivered["state"] == "delivered"
        assert requests.get(f"{cos.url}/_emulator/jobs/none", timeout=5).status_code == 404


def test_buckets_faults_clock_and_credentials_are_set_over_http(cos, control):
    made = control("POST", "/buckets", {"name": "viahttp-1250000000", "objects": 10, "versioning": True})
    assert made.status_code == 201
    assert len(cos.keys("viahttp-1250000000")) == 10
    control("POST", "/credentials", {"secret_id": "AKIDhttp", "secret_key": "k", "deny": ["cos:GetObject"]})
    call = Caller(cos, secret_id="AKIDhttp", secret_key="k")
    assert call("GET", "viahttp-1250000000").status_code == 200
    assert call("GET", "viahttp-1250000000", "a").status_code == 403
    control("POST", "/faults", [{"bucket": "viahttp-.*", "status": 500, "code": "InternalError"}])
    assert call("HEAD", "viahttp-1250000000").status_code == 500
    assert control("GET", "/faults").json()[0]["happened"] == 1
    assert control("DELETE", "/faults").json() == []
    control("POST", "/clock", {"offset": 7200})
    assert call("HEAD", "viahttp-1250000000").status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/faults", {"colour": "red"}, 400),
        ("/clock", {}, 400),
        ("/clock", [], 400),
        ("/buckets", {"name": "no"}, 400),
        ("/buckets", {"name": "a-1", "colour": "red"}, 400),
        ("/rules/deliver", {"bucket": "none-1", "inventory_id": "a"}, 404),
    ],
)
def test_a_wrong_command_says_what_is_wrong(control, path, body, status):
    answer = control("POST", path, body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_the_control_path_is_not_for_web_pages(control, cos):
    assert control("GET", "/health", headers={"Host": "evil.example"}).status_code == 403
    answer = requests.post(
        f"{cos.url}/_emulator/clock", data='{"offset": 1}', headers={"Content-Type": "text/plain"}, timeout=5
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("peer", "expected"), [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.1", False)]
)
def test_the_control_path_is_not_for_other_machines(cos, peer, expected):
    application = Application(emulation=cos._emulation, reset=lambda _: None)
    scope = {"client": (peer, 4000), "path": "/_emulator/health"}
    assert application._is_control(scope, "127.0.0.1") is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:80", True),
        ("localhost", True),
        ("[::1]:80", True),
        ("192.0.2.1", True),
        ("a.example:80", False),
        ("", False),
    ],
)
def test_an_address_is_told_from_a_name(host, expected):
    assert is_address(host) is expected


def test_an_object_of_a_bucket_may_be_called_like_the_control_path(call, bucket):
    call("PUT", bucket, "_emulator/health", data=b"mine")
    assert call("GET", bucket, "_emulator/health").content == b"mine"
