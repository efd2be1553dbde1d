# SPDX-License-Identifier: Apache-2.0
"""A worker killed with SIGKILL, anywhere between the submission and the report: one inventory."""

from __future__ import annotations

import pytest

from tests.airflow.wait import PATIENCE, wait_until

DAG = "cos_killed"
PLACES = ("before", "accepted", "answered", "waiting")
KILLS = {
    "task": "kill",  # its supervisor tells Airflow at once
    "worker": "kill_with_supervisor",  # Airflow finds out by missing heartbeats
}

pytestmark = pytest.mark.parametrize("kill", KILLS)


def bucket_of(kill, place):
    return f"{kill}-{place}-1250000000"


def jobs_of(cos, bucket):
    return [job for job in cos.jobs() if job["bucket"] == bucket]


def has_come(airflow, cos, run_id, kill, place):
    """Whether a task is where it is to be killed."""
    bucket = bucket_of(kill, place)
    if place == "before":
        return any(fault["bucket"] == bucket and fault["happened"] for fault in cos.faults())
    if place == "accepted":
        return cos.accepted_posts(bucket) == 1
    if place == "answered":
        return "Hanging with job" in airflow.task_log(DAG, run_id, place)
    return any(job["missed_polls"] for job in jobs_of(cos, bucket))


@pytest.fixture(scope="module")
def runs(airflow, held_cos):
    """A run for each way to kill, by that way; each of their tasks was killed once, all at about the same time."""
    for kill in KILLS:
        for place in PLACES:
            held_cos.create_bucket(bucket_of(kill, place))
        # Both are held for longer than it takes to come and kill.
        held_cos.fault(action="HeadBucket", bucket=bucket_of(kill, "before"), delay=600)
        held_cos.fault(action="PostBucketInventory", bucket=bucket_of(kill, "accepted"), delay_after=600)
    # Those first whose death is noticed last.
    run_ids = {kill: airflow.start_dag_run(DAG, conf={"kill": kill}) for kill in reversed(KILLS)}
    alive = {(kill, place) for kill in KILLS for place in PLACES}

    def kill_who_has_come():
        for kill, place in sorted(alive):
            if has_come(airflow, held_cos, run_ids[kill], kill, place):
                for task in airflow.task_processes(DAG, run_ids[kill], place):
                    assert task.try_number == 1
                    getattr(task, KILLS[kill])()
                    alive.remove((kill, place))
        return not alive

    wait_until(kill_who_has_come, what="all tasks come to where they are killed")
    return run_ids


@pytest.fixture
def job_after(airflow, runs, kill):
    """The result of a task that was killed once."""

    def wait_for(place):
        task = airflow.client.wait_for_task(DAG, runs[kill], place, {"success", "failed"}, timeout=PATIENCE)
        assert task["state"] == "success", airflow.task_log(DAG, runs[kill], place)
        assert task["try_number"] > 1
        return airflow.client.xcom(DAG, runs[kill], place)

    return wait_for


def test_a_worker_killed_before_the_post_has_submitted_nothing_and_its_retry_submits(held_cos, kill, job_after):
    job = job_after("before")
    (accepted,) = jobs_of(held_cos, bucket_of(kill, "before"))
    assert held_cos.accepted_posts(bucket_of(kill, "before")) == 1
    assert (job["attached"], job["job_id"]) == (False, accepted["job_id"])


def test_a_worker_killed_after_cos_accepted_is_followed_by_a_retry_that_attaches(held_cos, kill, job_after):
    job = job_after("accepted")
    (accepted,) = jobs_of(held_cos, bucket_of(kill, "accepted"))
    assert held_cos.accepted_posts(bucket_of(kill, "accepted")) == 1
    assert (job["attached"], job["inventory_id"]) == (True, accepted["inventory_id"])
    # COS told it to the dead, and tells it once.
    assert job["job_id"] is None


def test_a_worker_killed_after_the_answer_is_followed_by_a_retry_that_knows_the_job_id(held_cos, kill, job_after):
    job = job_after("answered")
    (accepted,) = jobs_of(held_cos, bucket_of(kill, "answered"))
    assert held_cos.accepted_posts(bucket_of(kill, "answered")) == 1
    assert (job["attached"], job["job_id"]) == (True, accepted["job_id"])


def test_a_worker_killed_while_it_waits_is_followed_by_a_retry_that_waits_on(airflow, held_cos, runs, kill, job_after):
    wait_until(
        lambda: "Attached to the inventory" in airflow.task_log(DAG, runs[kill], "waiting"),
        what="the retry attaches",
    )
    (accepted,) = jobs_of(held_cos, bucket_of(kill, "waiting"))
    assert accepted["state"] == "ready"
    held_cos.deliver_job(accepted["job_id"])
    job = job_after("waiting")
    assert held_cos.accepted_posts(bucket_of(kill, "waiting")) == 1
    assert (job["attached"], job["job_id"]) == (True, accepted["job_id"])
    assert accepted["inventory_id"] in job["manifest"]["manifest_key"]
