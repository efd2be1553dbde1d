# SPDX-License-Identifier: Apache-2.0
"""What a person reads in the log of a task that waits in a real triggerer."""

from __future__ import annotations

import re
import secrets

from tests.airflow.task_logs import task_log_files, task_log_text
from tests.airflow.wait import PATIENCE, wait_until

DAG = "cos_deferred"


def test_a_deferred_wait_is_two_lines_one_for_its_state_and_one_at_its_end(airflow, held_cos):
    bucket = f"progress-{secrets.token_hex(4)}-1250000000"
    held_cos.create_bucket(bucket)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": bucket})
    wait_until(lambda: trigger_log(airflow, run_id).count("still not there yet") >= 2, what="the triggerer looks twice")
    (job,) = (job for job in held_cos.jobs() if job["bucket"] == bucket)
    held_cos.deliver_job(job["job_id"])
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)

    log = airflow.task_log(DAG, run_id, "wait").splitlines()
    told = [line for line in log if re.search(r" (info|warning|error) Report ", line)]
    assert len(told) == 2, told
    assert re.search(r"not there yet \(waited \d+ s\)", told[0])
    assert re.search(
        r"Report ready \(waited \d+ (s|min)( \d+ s)?\): cos://.*/manifest\.json: 0 objects of 0 bytes, out of 0 listed "
        r"\(the number that is billed\); data files: \d, of \d+ bytes",
        told[1],
    )


def trigger_log(airflow, run_id):
    """What triggers logged of the wait."""
    files = task_log_files(airflow.home / "logs", DAG, run_id, "wait")
    return task_log_text([path for path in files if ".trigger." in path.name])
