# SPDX-License-Identifier: Apache-2.0
"""Each submission that is one of its own has an id of its own, whatever else asks for the same."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_cosinv.inventory.names import INVENTORY_ID_LENGTH
from tests.airflow.wait import PATIENCE

BACKFILLED = "cos_with_a_name_that_is_far_too_long_to_fit_into_an_inventory_id_of_sixty_four_characters"

pytestmark = [pytest.mark.every_database, pytest.mark.usefixtures("sound_components")]


def finished_run(airflow, dag_id, *, run_id=None, **conf):
    run_id = airflow.start_dag_run(dag_id, conf=conf, run_id=run_id)
    airflow.client.wait_for_dag_run(dag_id, run_id, timeout=PATIENCE)
    return run_id


def assert_all_accepted(cos, bucket, jobs, *, count):
    """Each of these jobs is an inventory that COS accepted, and there are no others."""
    ids = {job["inventory_id"] for job in jobs}
    assert len(jobs) == len(ids) == cos.accepted_posts(bucket) == count
    assert not any(job["attached"] for job in jobs)
    assert max(map(len, ids)) <= INVENTORY_ID_LENGTH
    assert {job["job_id"] for job in jobs} == {job["job_id"] for job in cos.jobs() if job["bucket"] == bucket}


def test_five_mapped_tasks_take_five_inventories(airflow, airflow_cos):
    airflow_cos.create_bucket("mapped-1250000000")
    run_id = finished_run(airflow, "cos_mapped")
    jobs = [airflow.client.xcom("cos_mapped", run_id, "submit", map_index=index) for index in range(5)]
    assert_all_accepted(airflow_cos, "mapped-1250000000", jobs, count=5)


def test_two_dags_on_one_bucket_take_an_inventory_each(airflow, airflow_cos):
    airflow_cos.create_bucket("shared-1250000000")
    # DAGs with the same schedule have runs with the same id.
    runs = {dag_id: finished_run(airflow, dag_id, run_id="shared") for dag_id in ("cos_twin_one", "cos_twin_two")}
    jobs = [airflow.client.xcom(dag_id, run_id, "submit") for dag_id, run_id in runs.items()]
    assert_all_accepted(airflow_cos, "shared-1250000000", jobs, count=2)


def test_a_run_that_is_cleared_the_same_day_takes_a_new_inventory(airflow, airflow_cos):
    airflow_cos.create_bucket("cleared-1250000000")
    run_id = finished_run(airflow, "cos_twin_one", bucket="cleared-1250000000")
    jobs = [airflow.client.xcom("cos_twin_one", run_id, "submit")]
    airflow.client.clear_dag_run("cos_twin_one", run_id)
    airflow.client.wait_for_dag_run("cos_twin_one", run_id, timeout=PATIENCE)
    jobs.append(airflow.client.xcom("cos_twin_one", run_id, "submit"))
    assert_all_accepted(airflow_cos, "cleared-1250000000", jobs, count=2)


def test_a_backfill_of_thirty_runs_takes_thirty_inventories(airflow, airflow_cos):
    airflow_cos.create_bucket("backfilled-1250000000")
    airflow.wait_for_dag(BACKFILLED)
    # While the DAG is paused: on SQLite the scheduler must not begin with runs that are still being created.
    airflow.client.create_backfill(
        BACKFILLED,
        from_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        to_date=datetime(2026, 1, 30, tzinfo=timezone.utc),
        max_active_runs=30,
    )
    airflow.client.unpause(BACKFILLED)
    jobs = []
    for run in airflow.client.dag_runs(BACKFILLED):
        airflow.client.wait_for_dag_run(BACKFILLED, run["dag_run_id"], timeout=PATIENCE)
        jobs.append(airflow.client.xcom(BACKFILLED, run["dag_run_id"], "submit_the_inventory_of_the_day"))
    assert_all_accepted(airflow_cos, "backfilled-1250000000", jobs, count=30)
