# SPDX-License-Identifier: Apache-2.0
"""No secret is in anything that Airflow writes, with every logger at DEBUG; this module runs after the others."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import sqlite3
import time
from itertools import chain

import pytest

from tests.airflow.conftest import SECRET_KEY, TEMPORARY_KEY, TOKEN
from tests.airflow.wait import PATIENCE

DAG = "cos_deferred"
REFUSED = "refused-1250000000"
WAITED = "waited-1250000000"
WORDS = (SECRET_KEY, TEMPORARY_KEY, TOKEN, "q-signature", "q-sign-time", "q-key-time")
# Seconds, of the signatures of the asynchronous half and of the SDK.
VALIDITIES = (60 + 3600, 60 + 10_000)


def stored(path):
    """Every table's values, as the text and bytes that they are."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: in_bytes(database.execute(f'SELECT * FROM "{table}"')) for table in tables}


def in_bytes(rows):
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in chain.from_iterable(rows))


def signing_keys(since):
    """Each signing key that may have been in use since then, as the hex text that it is."""
    return {
        hmac.new(key.encode(), f"{start};{start + validity}".encode(), hashlib.sha1).hexdigest().encode()
        for key in (SECRET_KEY, TEMPORARY_KEY)
        for start in range(int(since) - 60, int(time.time()))
        for validity in VALIDITIES
    }


@pytest.fixture
def assert_no_secret(airflow):
    used = set()

    def check(data, place):
        # What a test checks was written before its first check: the keys are derived once.
        used.update(() if used else signing_keys(airflow.started_at.timestamp()))
        keys = used.intersection(re.findall(rb"[0-9a-f]{40}", data))
        words = {word for word in WORDS if word.encode() in data}
        assert (keys, words) == (set(), set()), place

    return check


def test_no_table_holds_one_while_a_task_with_temporary_credentials_is_deferred(airflow, held_cos, assert_no_secret):
    held_cos.create_bucket(WAITED)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": WAITED})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    (job,) = (job for job in held_cos.jobs() if job["bucket"] == WAITED)

    tables = stored(airflow.home / "airflow.db")
    # Airflow 3.3 keeps a trigger's arguments as plain text, too.
    for table in ("trigger", "task_state_store", "xcom", "rendered_task_instance_fields"):
        assert job["inventory_id"].encode() in tables[table], table
    for table, data in tables.items():
        assert_no_secret(data, table)

    held_cos.deliver_job(job["job_id"])
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)


def test_the_log_of_a_refused_signature_holds_none(airflow, held_cos, assert_no_secret):
    held_cos.create_bucket(REFUSED)
    held_cos.fault(action="PostBucketInventory", bucket=REFUSED, code="SignatureDoesNotMatch")
    run_id = airflow.start_dag_run(DAG, conf={"bucket": REFUSED})
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE, expect="failed")
    log = airflow.task_log(DAG, run_id, "submit")
    assert "SignatureDoesNotMatch" in log
    assert_no_secret(log.encode(), "the task's log")


def test_no_file_that_airflow_wrote_since_the_first_test_holds_one(airflow, assert_no_secret):
    files = {path: path.read_bytes() for path in airflow.home.rglob("*") if path.is_file()}
    everything = b"".join(files.values())
    assert b"Starting new HTTP connection" in everything  # urllib3, at DEBUG
    assert b"Submitted the inventory" in everything
    assert {"airflow.db", "scheduler.log", "triggerer.log", "api-server.log"} <= {path.name for path in files}
    for path, data in files.items():
        assert_no_secret(data, path)
