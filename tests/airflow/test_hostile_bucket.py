# SPDX-License-Identifier: Apache-2.0
"""A bucket and a gateway that attack the triggerer: it lives, and the waits of others end well."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta, timezone

import pytest

from tests.airflow.wait import PATIENCE, wait_until
from tests.cos.scripted_server import Reply, ScriptedServer, error_reply

DAG = "cos_deferred"
WATCHING = "cos_hostile"
GATEWAY = "cos_hostile_gateway"
BUCKET = "hostile-1250000000"


def day(offset):
    return f"{datetime.now(timezone.utc) + timedelta(days=offset):%Y%m%d}"


def put_report(cos, date, **changes):
    """Write what a report without rows consists of, as anybody can who may write to the bucket."""
    name, _, appid = BUCKET.rpartition("-")
    manifest = {
        **{
            f"{side}{what}": value
            for side in ("source", "destination")
            for what, value in (("Appid", appid), ("Bucket", name))
        },
        **dict.fromkeys(("listObjectCount", "listStorageSize", "filterObjectCount", "filterStorageSize"), "0"),
        "fileFormat": "CSV",
        "fileSchema": "Appid, Bucket, Key",
        "files": [],
        **changes,
    }
    body = json.dumps(manifest).encode()
    folder = f"{appid}/{name}/daily/{date}"
    cos.put_object(BUCKET, f"{folder}/manifest.json", body)
    cos.put_object(BUCKET, f"{folder}/manifest.checksum", hashlib.md5(body).hexdigest().encode())


def start_wait(airflow, cos):
    """A deferred wait for a report that is held back; its bucket and its run."""
    bucket = f"attacked-{secrets.token_hex(4)}-1250000000"
    cos.create_bucket(bucket)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": bucket})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    return bucket, run_id


def deliver(cos, bucket):
    (job,) = (job for job in cos.jobs() if job["bucket"] == bucket)
    cos.deliver_job(job["job_id"])


def triggerer_of(airflow):
    """The processes of the triggerer: its supervisor, and the one in which triggers run."""
    return {process.pid for process in airflow.processes.tree("triggerer")}


@pytest.fixture
def spared(airflow, held_cos):
    """Somebody's wait in the same triggerer; at the end it must end well, and the triggerer must be the same."""
    bucket, run_id = start_wait(airflow, held_cos)
    before = triggerer_of(airflow)
    assert len(before) == 2
    yield
    assert triggerer_of(airflow) == before
    deliver(held_cos, bucket)
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)
    assert triggerer_of(airflow) == before


@pytest.mark.usefixtures("spared")
def test_manifest_with_a_count_of_twenty_digits_harms_nobody(airflow, held_cos):
    held_cos.create_bucket(BUCKET)
    put_report(held_cos, day(-2))
    airflow.wait_for_dag(WATCHING)
    airflow.client.unpause(WATCHING)
    airflow.client.parse_again(WATCHING)
    held_cos.fault(action="GetObject", bucket=BUCKET, key="manifest.json$", times=0)  # counts
    seen = len(held_cos.faults()) - 1
    wait_until(lambda: held_cos.faults()[seen]["seen"], what="the watcher has begun")
    put_report(held_cos, day(-1), listObjectCount="99999999999999999999")
    wait_until(lambda: held_cos.faults()[seen]["seen"] >= 2, what="the watcher reads the hostile manifest")
    put_report(held_cos, day(0))

    (run,) = wait_until(lambda: airflow.client.dag_runs(WATCHING), what="the sound report starts a run")
    airflow.client.wait_for_dag_run(WATCHING, run["dag_run_id"], timeout=PATIENCE)
    events = [event["extra"]["payload"] for event in airflow.client.asset_events() if BUCKET in json.dumps(event)]
    assert [event["date"] for event in events if event["bucket"] == BUCKET] == [day(0)]
    airflow.client.pause(WATCHING)
    airflow.client.parse_again(WATCHING)


@pytest.fixture
def gateway(airflow):
    """A gateway that has no report yet, and a connection to it."""
    server = ScriptedServer(first=error_reply(404, "NoSuchKey"))
    extra = {"region": "ap-guangzhou", "endpoint_url": server.url}
    fields = {"connection_id": "cos_hostile", "conn_type": "cos", "login": "AKIDx", "password": "made-up-key"}
    airflow.client.request("POST", "/api/v2/connections", json={**fields, "extra": json.dumps(extra)})
    yield server
    server.stop()


@pytest.mark.usefixtures("spared")
def test_response_header_in_latin_1_fails_one_wait_alone(airflow, gateway):
    run_id = airflow.start_dag_run(GATEWAY)
    airflow.client.wait_for_task(GATEWAY, run_id, "wait", "deferred", timeout=PATIENCE)
    gateway.answer(Reply(status=403, headers={"x-cos-request-id": "a\xff\xfe"}, bare=True))
    airflow.client.wait_for_dag_run(GATEWAY, run_id, timeout=PATIENCE, expect="failed")
    assert "403" in airflow.task_log(GATEWAY, run_id, "wait")
