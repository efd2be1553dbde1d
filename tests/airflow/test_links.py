# SPDX-License-Identifier: Apache-2.0
"""The links to the COS console as the UI gets them."""

from __future__ import annotations

from airflow_provider_cosinv.links.cos import console_url

DAG = "cos_deferred"
BUCKET = "linked-1250000000"


def test_a_link_is_there_while_the_task_is_deferred_and_after_it(airflow, held_cos):
    held_cos.create_bucket(BUCKET)
    run_id = airflow.start_dag_run(DAG, conf={"bucket": BUCKET})
    airflow.client.wait_for_task(DAG, run_id, "wait", "deferred")
    report = airflow.client.xcom(DAG, run_id, "submit", "report_prefix")
    expected = {
        "Report in COS": console_url(bucket=BUCKET, region="ap-guangzhou", folder=report),
        "Source bucket in COS": console_url(bucket=BUCKET, region="ap-guangzhou"),
    }
    assert airflow.client.links(DAG, run_id, "wait") == expected
    held_cos.deliver_job(airflow.client.xcom(DAG, run_id, "submit", "job_id"))
    airflow.client.wait_for_dag_run(DAG, run_id)
    assert airflow.client.links(DAG, run_id, "submit") == expected
    assert airflow.client.links(DAG, run_id, "wait") == expected
