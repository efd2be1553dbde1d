# SPDX-License-Identifier: Apache-2.0
"""
No secret is in anything that Airflow writes, with every logger at DEBUG.

The fixture ``airflow`` looks through its files again when all tests are over.
"""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import chain

from tests.airflow.kept_secrets import assert_no_secret, files_below
from tests.airflow.wait import PATIENCE

DAG = "cos_deferred"
REFUSED = "refused-1250000000"
WAITED = "waited-1250000000"
WRITTEN = "written-1250000000"


def stored(path):
    """Every table's values, as the text and bytes that they are."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: in_bytes(database.execute(f'SELECT * FROM "{table}"')) for table in tables}


def in_bytes(rows):
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in chain.from_iterable(rows))


def test_no_table_holds_one_while_a_task_with_temporary_credentials_is_deferred(airflow, held_cos):
    held_cos.create_bucket(WAITED)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": WAITED})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    (job,) = (job for job in held_cos.jobs() if job["bucket"] == WAITED)

    tables = stored(airflow.home / "airflow.db")
    # Airflow 3.3 keeps a trigger's arguments as plain text, too.
    for table in ("trigger", "task_state_store", "xcom", "rendered_task_instance_fields"):
        assert job["inventory_id"].encode() in tables[table], table
    assert_no_secret(tables, since=airflow.started_at)

    held_cos.deliver_job(job["job_id"])
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)


def test_the_log_of_a_refused_signature_holds_none(airflow, held_cos):
    held_cos.create_bucket(REFUSED)
    held_cos.fault(action="PostBucketInventory", bucket=REFUSED, code="SignatureDoesNotMatch")
    run_id = airflow.start_dag_run(DAG, conf={"bucket": REFUSED})
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE, expect="failed")
    log = airflow.task_log(DAG, run_id, "submit")
    assert "SignatureDoesNotMatch" in log
    assert_no_secret({"the task's log": log.encode()}, since=airflow.started_at)


def test_no_file_that_airflow_writes_holds_one(airflow, held_cos):
    held_cos.create_bucket(WRITTEN)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": WRITTEN})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred")
    held_cos.deliver_job(airflow.client.xcom(DAG, run_id, "submit", "job_id"))
    airflow.client.wait_for_dag_run(DAG, run_id)

    files = files_below(airflow.home)
    everything = b"".join(files.values())
    assert b"Starting new HTTP connection" in everything  # urllib3, at DEBUG
    assert b"Submitted the inventory" in everything
    assert {"airflow.db", "scheduler.log", "triggerer.log", "api-server.log"} <= {path.name for path in files}
    assert_no_secret(files, since=airflow.started_at)
