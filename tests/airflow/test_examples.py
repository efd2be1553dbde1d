# SPDX-License-Identifier: Apache-2.0
"""The examples, run by a real Airflow as a user would run them."""

from __future__ import annotations

import json

import pytest

from tests.airflow.rest import AirflowRestError
from tests.airflow.wait import wait_until

SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"

pytestmark = [pytest.mark.every_database, pytest.mark.usefixtures("sound_components")]


# Begun by Airflow, as soon as they are no longer paused; the consumer by the producer's report.
SCHEDULED = ("cos_inventory_consumer", "cos_inventory_producer", "cos_inventory_scheduled", "cos_inventory_parquet")
AD_HOC = "cos_inventory_ad_hoc"
FORM = {
    "bucket": SOURCE,
    "destination_bucket": DESTINATION,
    "prefix": "logs/",
    "versions": "All",
    "fields": ["Size"],
}


@pytest.fixture(scope="module")
def begun(airflow, checked_logs):
    """All examples run, at about the same time."""
    for dag_id in (*SCHEDULED, AD_HOC):
        airflow.wait_for_dag(dag_id)
        airflow.client.unpause(dag_id)
    airflow.client.trigger_dag_run(AD_HOC, conf=FORM, run_id="by-form")
    airflow.cli("dags", "trigger", AD_HOC, "--run-id", "by-command", "--conf", json.dumps({"prefix": "图片/"}))


@pytest.fixture
def ended_run(airflow, begun):
    """The id of a run that Airflow has begun of a DAG, once it has ended."""

    def wait_for(dag_id):
        first, *_ = wait_until(lambda: begun_by_airflow(airflow, dag_id), what=f"Airflow begins a run of {dag_id}")
        airflow.client.wait_for_dag_run(dag_id, first)
        return first

    return wait_for


def begun_by_airflow(airflow, dag_id):
    return [
        run["dag_run_id"]
        for run in airflow.client.dag_runs(dag_id)
        if run["run_type"] in {"scheduled", "asset_triggered"}
    ]


def test_scheduled_ends_in_a_summary_by_class_and_prefix(airflow, ended_run):
    dag_id = "cos_inventory_scheduled"
    run_id = ended_run(dag_id)
    assert airflow.client.xcom(dag_id, run_id, "summarise", "return_value") == [
        {"storage_class": "STANDARD_IA", "prefix": "图片/", "objects": 1, "bytes": 100},
        {"storage_class": "STANDARD", "prefix": "logs/", "objects": 10, "bytes": 45},
    ]
    assert "Pausing task as DEFERRED" in airflow.task_log(dag_id, run_id, "wait")
    assert airflow.client.xcom(dag_id, run_id, "submit", "job_id")
    assert airflow.client.xcom(dag_id, run_id, "wait", "matched_objects") == 11


def test_chained_passes_the_report_to_its_consumer_which_reads_it_in_parallel(airflow, ended_run):
    ended_run("cos_inventory_producer")
    run_id = ended_run("cos_inventory_consumer")
    assert airflow.client.xcom("cos_inventory_consumer", run_id, "total", "return_value") == {"rows": 11, "bytes": 145}
    parts = [
        task for task in airflow.client.task_instances("cos_inventory_consumer", run_id) if task["task_id"] == "count"
    ]
    assert len(parts) == 4  # 11 rows, 3 in a file
    (event, *_) = airflow.client.asset_events(dag_id="cos_inventory_producer")
    assert event["extra"]["matched_objects"] == 11
    producer = event["source_run_id"]
    for name in ("job_id", "inventory_id"):
        assert event["extra"][name] == airflow.client.xcom("cos_inventory_producer", producer, "submit", name)


def test_parquet_writes_the_report_in_parts_and_asks_them_together(airflow, airflow_cos, ended_run):
    dag_id = "cos_inventory_parquet"
    run_id = ended_run(dag_id)
    parts = [task for task in airflow.client.task_instances(dag_id, run_id) if task["task_id"] == "convert"]
    paths = {
        airflow.client.xcom(dag_id, run_id, "convert", map_index=part["map_index"])["path"].removeprefix("cos://")
        for part in parts
    }
    assert len(paths) == 4  # 11 rows, 3 in a file
    assert paths <= {f"{DESTINATION}/{key}" for key in airflow_cos.keys(DESTINATION)}
    rows = airflow.client.xcom(dag_id, run_id, "by_prefix")
    assert [(row["prefix"], row["objects"], row["bytes"]) for row in rows] == [("图片/", 1, 100), ("logs/", 10, 45)]


def test_ad_hoc_takes_what_the_form_says(airflow, begun):
    airflow.client.wait_for_dag_run(AD_HOC, "by-form")
    largest = airflow.client.xcom(AD_HOC, "by-form", "largest", "return_value")
    assert largest[0] == {"key": "logs/9.txt", "bytes": 9}
    assert len(largest) == 10
    manifest = airflow.client.xcom(AD_HOC, "by-form", "inventory", "manifest")
    assert manifest["columns"] == ["Appid", "Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size"]


def test_ad_hoc_is_started_from_the_command_line(airflow, begun):
    airflow.client.wait_for_dag_run(AD_HOC, "by-command")
    assert airflow.client.xcom(AD_HOC, "by-command", "largest", "return_value") == [
        {"key": "图片/一.jpg", "bytes": 100}
    ]


def test_ad_hoc_refuses_a_bucket_without_its_appid_in_the_form(airflow):
    airflow.wait_for_dag(AD_HOC)
    with pytest.raises(AirflowRestError) as raised:
        airflow.client.trigger_dag_run(AD_HOC, conf={"bucket": "examplebucket"})
    assert raised.value.status == 400


def test_a_wrong_destination_fails_once_and_the_log_says_what_to_do(airflow, expected_troubles):
    expected_troubles.append("missing-1250000000")
    dag_id = "cos_inventory_scheduled"
    run_id = airflow.start_dag_run(dag_id, conf={"destination_bucket": "missing-1250000000"})
    airflow.client.wait_for_dag_run(dag_id, run_id, expect="failed")
    assert airflow.client.task_instance(dag_id, run_id, "submit")["try_number"] == 1
    log = airflow.task_log(dag_id, run_id, "submit")
    assert "destination bucket does not exist in ap-guangzhou" in log
    assert "missing-1250000000" in log


def test_the_connection_form_shows_labelled_fields(airflow):
    (form,) = (
        hook for hook in airflow.client.request("GET", "/ui/connections/hook_meta") if hook["connection_type"] == "cos"
    )
    assert form["hook_name"] == "Tencent Cloud COS"
    assert form["standard_fields"]["login"]["title"] == "SecretId"
    assert form["standard_fields"]["host"]["hidden"] is True
    assert form["extra_fields"]["token"]["schema"]["format"] == "password"
    assert form["extra_fields"]["region"]["schema"]["title"] == "Region"


def test_the_test_button_says_what_is_wrong_and_no_secret(airflow, airflow_cos):
    connection = airflow_cos.connection
    body = {
        "connection_id": "tried",
        "conn_type": "cos",
        "login": connection["login"],
        "password": connection["password"],
        "extra": json.dumps(connection["extra"]),
    }
    good = airflow.client.request("POST", "/api/v2/connections/test", json=body)
    assert good["status"] is True, good["message"]
    wrong = airflow.client.request("POST", "/api/v2/connections/test", json={**body, "password": "wrong-password"})
    assert wrong["status"] is False
    assert "SignatureDoesNotMatch" in wrong["message"]
    assert "wrong-password" not in wrong["message"]


def test_the_provider_is_listed_with_its_examples_off(airflow):
    providers = airflow.client.request("GET", "/api/v2/providers", limit=100)["providers"]
    assert "airflow-provider-cosinv" in {provider["package_name"] for provider in providers}
