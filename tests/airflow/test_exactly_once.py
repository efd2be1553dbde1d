# SPDX-License-Identifier: Apache-2.0
"""Airflow's own retry and clear: what they do to the inventory id."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.links.cos import console_url

BUCKET = "retriedbucket-1250000000"

pytestmark = [pytest.mark.every_database, pytest.mark.usefixtures("sound_components")]


def test_a_retry_attaches_and_a_clear_takes_a_new_inventory(airflow, airflow_cos, expected_troubles):
    expected_troubles.append(BUCKET)
    airflow_cos.create_bucket(BUCKET)
    # COS accepts the first POST and its answer is lost, as are those of the client's own tries after it.
    airflow_cos.fault(action="PostBucketInventory", bucket=BUCKET, handle=True, status=500, times=1)
    airflow_cos.fault(action="PostBucketInventory", bucket=BUCKET, status=500, times=4)
    run_id = airflow.start_dag_run("cos_retried")
    airflow.client.wait_for_dag_run("cos_retried", run_id)
    assert airflow.client.task_instance("cos_retried", run_id, "submit")["try_number"] == 2
    assert airflow.client.xcom("cos_retried", run_id, "submit", "attached") is True
    assert airflow_cos.accepted_posts(BUCKET) == 1
    first = airflow.client.xcom("cos_retried", run_id, "submit", "inventory_id")
    # Airflow has deleted what the first attempt stored.
    links = airflow.client.links("cos_retried", run_id, "submit")
    assert links["Source bucket in COS"] == console_url(bucket=BUCKET, region="ap-guangzhou")
    assert first in links["Report in COS"]

    airflow.client.clear_task("cos_retried", run_id, "submit")
    airflow.client.wait_for_dag_run("cos_retried", run_id)
    assert airflow.client.xcom("cos_retried", run_id, "submit", "attached") is False
    assert airflow.client.xcom("cos_retried", run_id, "submit", "inventory_id") != first
    assert airflow_cos.accepted_posts(BUCKET) == 2
