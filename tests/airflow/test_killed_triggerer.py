# SPDX-License-Identifier: Apache-2.0
"""A triggerer that dies, or is cut off, while a sensor is deferred: the wait goes on and ends once."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from tests.airflow.task_logs import task_log_files, task_log_text
from tests.airflow.wait import PATIENCE, wait_until

DAG = "cos_deferred"
OTHER = "other triggerer"


@dataclass(frozen=True)
class DeferredWait:
    """A wait in the triggerer for a report that is held back."""

    run_id: str
    bucket: str
    job: dict[str, Any]
    triggerer: int


@pytest.fixture
def wait(airflow, held_cos):
    """A wait that the triggerer has taken and looked for once."""
    bucket = f"deferred-{secrets.token_hex(4)}-1250000000"
    held_cos.create_bucket(bucket)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": bucket})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred", timeout=PATIENCE)
    triggerer = wait_until(lambda: triggerer_of(airflow, run_id), what="the triggerer takes the wait")
    wait_until(lambda: "not there yet" in trigger_log(airflow, run_id, triggerer), what="the triggerer looks once")
    (job,) = (job for job in held_cos.jobs() if job["bucket"] == bucket)
    return DeferredWait(run_id, bucket, job, triggerer)


@pytest.fixture
def other_triggerer(airflow):
    """A second triggerer; the test may kill the first."""
    before = {job["id"] for job in airflow.client.jobs("TriggererJob")}
    airflow.start_another("triggerer", name=OTHER)
    try:
        (job_id,) = wait_until(
            lambda: {job["id"] for job in airflow.client.jobs("TriggererJob")} - before,
            what="the second triggerer starts",
        )
        yield job_id
    finally:
        airflow.kill(OTHER)


@pytest.fixture
def triggerer_afterwards(airflow):
    """Whatever the test does to the triggerer, there is a new one after it."""
    yield
    with contextlib.suppress(KeyError):
        airflow.kill("triggerer")
    airflow.start("triggerer")


def triggerer_of(airflow, run_id):
    """The id of the triggerer's job that has the trigger, None where none has it now."""
    task = airflow.client.task_instance(DAG, run_id, "wait")
    return task["triggerer_job"]["id"] if task["triggerer_job"] else None


def wait_until_taken_over(airflow, wait):
    """The id of the triggerer's job that has the wait instead of the first one."""
    return wait_until(
        lambda: {triggerer_of(airflow, wait.run_id)} - {None, wait.triggerer}, what="another triggerer takes the wait"
    ).pop()


def trigger_log(airflow, run_id, triggerer):
    """What a trigger logged in one triggerer."""
    files = task_log_files(airflow.home / "logs", DAG, run_id, "wait")
    return task_log_text([path for path in files if path.name.endswith(f".trigger.{triggerer}.log")])


def wait_until_fired(airflow, wait, triggerer):
    wait_until(
        lambda: "Trigger fired event" in trigger_log(airflow, wait.run_id, triggerer),
        what=f"the log of triggerer {triggerer} tells that its trigger fired",
    )


def wait_for_two_heartbeats(airflow, triggerer):
    heartbeats = set()

    def listen():
        heartbeats.update(
            job["latest_heartbeat"] for job in airflow.client.jobs("TriggererJob") if job["id"] == triggerer
        )
        return len(heartbeats) == 3

    wait_until(listen, what="the first triggerer's heart beats")


def assert_one_result(airflow, cos, wait):
    """The wait ended as it should, once."""
    airflow.client.wait_for_dag_run(DAG, wait.run_id, timeout=PATIENCE)
    assert cos.accepted_posts(wait.bucket) == 1
    manifest = airflow.client.xcom(DAG, wait.run_id, "wait")
    assert wait.job["inventory_id"] in manifest["manifest_key"]
    assert airflow.client.task_instance(DAG, wait.run_id, "wait")["try_number"] == 1
    assert airflow.task_log(DAG, wait.run_id, "wait").count("Report ready") == 1
    (event,) = airflow.client.asset_events(dag_id=DAG, run_id=wait.run_id)
    assert event["extra"]["manifest_key"] == manifest["manifest_key"]


def test_a_wait_goes_on_when_the_triggerer_was_killed_and_restarted(airflow, held_cos, wait):
    airflow.kill("triggerer")
    assert not [process for process in airflow.processes.members() if "triggerer" in " ".join(process.cmdline())]
    airflow.start("triggerer")
    second = wait_until_taken_over(airflow, wait)
    assert airflow.client.task_instance(DAG, wait.run_id, "wait")["state"] == "deferred"
    held_cos.deliver_job(wait.job["job_id"])
    assert_one_result(airflow, held_cos, wait)
    wait_until_fired(airflow, wait, second)
    assert "Trigger fired event" not in trigger_log(airflow, wait.run_id, wait.triggerer)


def test_another_triggerer_takes_over_the_wait_of_one_that_was_killed(
    airflow, held_cos, wait, triggerer_afterwards, other_triggerer
):
    airflow.kill("triggerer")
    assert wait_until_taken_over(airflow, wait) == other_triggerer
    held_cos.deliver_job(wait.job["job_id"])
    assert_one_result(airflow, held_cos, wait)
    wait_until_fired(airflow, wait, other_triggerer)
    assert "Trigger fired event" not in trigger_log(airflow, wait.run_id, wait.triggerer)


def test_two_triggerers_that_both_see_the_report_give_one_result(
    airflow, held_cos, wait, triggerer_afterwards, other_triggerer
):
    # Its heartbeats cease, while its child, in which triggers run, goes on to look for the report.
    airflow.freeze("triggerer")
    assert wait_until_taken_over(airflow, wait) == other_triggerer
    # A fault that does nothing: it counts those who read the manifest. Both triggers do, and the task that resumes.
    held_cos.fault(action="GetObject", bucket=wait.bucket, key="manifest.json$", times=None)
    held_cos.deliver_job(wait.job["job_id"])
    assert_one_result(airflow, held_cos, wait)
    wait_until(lambda: held_cos.faults()[-1]["seen"] >= 3, what="both have seen the report")

    airflow.thaw("triggerer")
    wait_until_fired(airflow, wait, wait.triggerer)
    wait_until_fired(airflow, wait, other_triggerer)
    wait_for_two_heartbeats(airflow, wait.triggerer)  # by then it has handed its event over
    assert_one_result(airflow, held_cos, wait)
