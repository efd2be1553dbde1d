# SPDX-License-Identifier: Apache-2.0
"""What people do to runs: mark a task as failed, clear it, fill in days that are past."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timezone

import pytest

from tests.airflow.wait import PATIENCE, wait_until

DAG = "cos_deferred"
TABLE = "cos_table"
SCHEDULED = "cos_inventory_scheduled"
SOURCE = "examplebucket-1250000000"
DAYS = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in range(5, 10)]
SOME_SECONDS = 3.0
"""More than one interval of the wait, which is a second."""

pytestmark = [pytest.mark.every_database, pytest.mark.usefixtures("sound_components")]


@pytest.fixture
def bucket(held_cos):
    """A bucket whose reports are held back."""
    name = f"operated-{secrets.token_hex(4)}-1250000000"
    held_cos.create_bucket(name)
    return name


@pytest.fixture
def run_id(airflow, held_cos, bucket):
    """A run whose wait is in the triggerer, which has looked for the report."""
    run_id = airflow.start_dag_run(DAG, conf={"bucket": bucket})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    wait_until_looked_for(held_cos, bucket)
    return run_id


def job_of(cos, bucket):
    """The one job of a bucket."""
    (job,) = (job for job in cos.jobs() if job["bucket"] == bucket)
    return job


def wait_until_looked_for(cos, bucket):
    """Wait until the report was looked for twice more: once on a worker, then in the triggerer."""
    seen = job_of(cos, bucket)["missed_polls"]
    wait_until(lambda: job_of(cos, bucket)["missed_polls"] >= seen + 2, what="the triggerer looks for the report")


def test_a_wait_that_is_marked_as_failed_looks_no_more(airflow, held_cos, bucket, run_id):
    airflow.client.set_task_state(DAG, run_id, "wait", "failed")
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE, expect="failed")
    wait_until(lambda: is_left_alone(held_cos, bucket), what="nobody looks for the report for some seconds")
    held_cos.deliver_job(job_of(held_cos, bucket)["job_id"])
    time.sleep(SOME_SECONDS)
    assert airflow.client.task_instance(DAG, run_id, "wait")["state"] == "failed"
    assert airflow.client.asset_events(dag_id=DAG, run_id=run_id) == []


def is_left_alone(cos, bucket):
    seen = job_of(cos, bucket)["missed_polls"]
    time.sleep(SOME_SECONDS)
    return job_of(cos, bucket)["missed_polls"] == seen


def test_a_wait_that_is_cleared_waits_again_for_the_same_inventory(airflow, held_cos, bucket, run_id):
    airflow.client.clear_task(DAG, run_id, "wait")
    airflow.client.wait_for_task(DAG, run_id, "wait", {"queued", "running"}, timeout=PATIENCE)
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    wait_until_looked_for(held_cos, bucket)
    job = job_of(held_cos, bucket)
    held_cos.deliver_job(job["job_id"])
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)
    assert job["inventory_id"] in airflow.client.xcom(DAG, run_id, "wait", "manifest_key")
    assert held_cos.accepted_posts(bucket) == 1
    assert len(airflow.client.asset_events(dag_id=DAG, run_id=run_id)) == 1


def test_a_run_that_is_cleared_while_it_waits_takes_a_new_inventory(airflow, held_cos, bucket, run_id):
    first = job_of(held_cos, bucket)
    airflow.client.clear_dag_run(DAG, run_id)
    wait_until(lambda: held_cos.accepted_posts(bucket) == 2, what="the run submits again")
    (second,) = (job for job in held_cos.jobs() if job["bucket"] == bucket and job["job_id"] != first["job_id"])
    held_cos.deliver_job(second["job_id"])
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)
    assert airflow.client.xcom(DAG, run_id, "submit", "job_id") == second["job_id"]
    assert second["inventory_id"] in airflow.client.xcom(DAG, run_id, "wait", "manifest_key")


@pytest.fixture
def work(airflow, held_cos, bucket):
    """A run whose task of the table reads a data file, which COS holds back."""
    held_cos.put_object(bucket, "readme.txt", b"1")
    held_cos.fault(action="GetObject", bucket=bucket, key=r"\.csv\.gz$", delay=600, times=None)
    run_id = airflow.start_dag_run(TABLE, conf={"bucket": bucket})
    wait_until(lambda: held_cos.accepted_posts(bucket) == 1, what="the run submits")
    held_cos.deliver_job(job_of(held_cos, bucket)["job_id"])
    wait_until(lambda: temporary_folders(airflow), what="the task of the table works")
    yield run_id
    held_cos.clear_faults()


def temporary_folders(airflow):
    return list(airflow.home.glob("cos-inventory-*"))


def test_a_task_of_the_table_that_is_marked_as_failed_removes_its_folder(airflow, work):
    airflow.client.set_task_state(TABLE, work, "convert", "failed")
    wait_until(lambda: not temporary_folders(airflow), what="the folder is removed")
    wait_until(lambda: "Airflow stopped the task" in airflow.task_log(TABLE, work, "convert"), what="the task ends")
    assert airflow.client.task_instance(TABLE, work, "convert")["state"] == "failed"


def test_a_task_of_the_table_that_is_cleared_while_it_works_begins_anew(airflow, held_cos, bucket, work):
    airflow.client.clear_task(TABLE, work, "convert")
    wait_until(lambda: not temporary_folders(airflow), what="the folder is removed")
    held_cos.clear_faults()
    airflow.client.wait_for_dag_run(TABLE, work, timeout=PATIENCE)
    assert airflow.client.xcom(TABLE, work, "convert")["rows"] == 1
    assert temporary_folders(airflow) == []


def test_a_backfill_of_five_days_ends_in_a_summary_of_each_day(airflow, airflow_cos):
    airflow.wait_for_dag(SCHEDULED)
    # On SQLite the scheduler must not begin with runs that are still being created.
    airflow.client.pause(SCHEDULED)
    before = airflow_cos.accepted_posts(SOURCE)
    airflow.client.create_backfill(SCHEDULED, from_date=DAYS[0], to_date=DAYS[-1], max_active_runs=len(DAYS))
    airflow.client.unpause(SCHEDULED)
    runs = [run["dag_run_id"] for run in airflow.client.dag_runs(SCHEDULED) if run["run_type"] == "backfill"]
    assert len(runs) == len(DAYS)
    for run_id in runs:
        airflow.client.wait_for_dag_run(SCHEDULED, run_id, timeout=PATIENCE)
    ids = {airflow.client.xcom(SCHEDULED, run_id, "submit", "inventory_id") for run_id in runs}
    assert len(ids) == len(DAYS) <= airflow_cos.accepted_posts(SOURCE) - before
    for run_id in runs:
        rows = airflow.client.xcom(SCHEDULED, run_id, "summarise")
        assert [(row["prefix"], row["objects"]) for row in rows] == [("图片/", 1), ("logs/", 10)]
