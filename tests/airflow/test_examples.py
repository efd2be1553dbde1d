# SPDX-License-Identifier: Apache-2.0
"""The examples, run by a real Airflow as a user would run them."""

from __future__ import annotations

import json
import time

import pytest

from tests.airflow.rest import AirflowRestError

SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"

pytestmark = [pytest.mark.every_database, pytest.mark.usefixtures("sound_components")]


def run(airflow, dag_id, conf=None):
    run_id = airflow.start_dag_run(dag_id, conf=conf)
    airflow.client.wait_for_dag_run(dag_id, run_id, timeout=120)
    return run_id


def test_scheduled_ends_in_a_summary_by_class_and_prefix(airflow):
    dag_id = "cos_inventory_scheduled"
    run_id = run(airflow, dag_id)
    assert airflow.client.xcom(dag_id, run_id, "summarise", "return_value") == [
        {"storage_class": "STANDARD_IA", "prefix": "图片/", "objects": 1, "bytes": 100},
        {"storage_class": "STANDARD", "prefix": "logs/", "objects": 10, "bytes": 45},
    ]
    assert "Pausing task as DEFERRED" in airflow.task_log(dag_id, run_id, "wait")
    assert airflow.client.xcom(dag_id, run_id, "submit", "job_id")
    assert airflow.client.xcom(dag_id, run_id, "wait", "matched_objects") == 11


def test_chained_passes_the_report_to_its_consumer_which_reads_it_in_parallel(airflow):
    airflow.wait_for_dag("cos_inventory_consumer")
    airflow.client.unpause("cos_inventory_consumer")
    run(airflow, "cos_inventory_producer")
    run_id = wait_for_first_run(airflow, "cos_inventory_consumer")
    airflow.client.wait_for_dag_run("cos_inventory_consumer", run_id, timeout=120)
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


def wait_for_first_run(airflow, dag_id):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for found in airflow.client.dag_runs(dag_id):
            return found["dag_run_id"]
        time.sleep(0.2)
    raise AssertionError(f"{dag_id} was not started by the asset's event")


def test_parquet_writes_the_report_in_parts_and_asks_them_together(airflow, airflow_cos):
    dag_id = "cos_inventory_parquet"
    run_id = run(airflow, dag_id)
    parts = [task for task in airflow.client.task_instances(dag_id, run_id) if task["task_id"] == "convert"]
    paths = {
        airflow.client.xcom(dag_id, run_id, "convert", map_index=part["map_index"])["path"].removeprefix("cos://")
        for part in parts
    }
    assert len(paths) == 4  # 11 rows, 3 in a file
    assert paths <= {f"{DESTINATION}/{key}" for key in airflow_cos.keys(DESTINATION)}
    rows = airflow.client.xcom(dag_id, run_id, "by_prefix")
    assert [(row["prefix"], row["objects"], row["bytes"]) for row in rows] == [("图片/", 1, 100), ("logs/", 10, 45)]


def test_ad_hoc_takes_what_the_form_says(airflow, airflow_cos):
    dag_id = "cos_inventory_ad_hoc"
    conf = {
        "bucket": SOURCE,
        "destination_bucket": DESTINATION,
        "prefix": "logs/",
        "versions": "All",
        "fields": ["Size"],
    }
    run_id = run(airflow, dag_id, conf)
    largest = airflow.client.xcom(dag_id, run_id, "largest", "return_value")
    assert largest[0] == {"key": "logs/9.txt", "bytes": 9}
    assert len(largest) == 10
    manifest = airflow.client.xcom(dag_id, run_id, "inventory", "manifest")
    assert manifest["columns"] == ["Appid", "Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size"]


def test_ad_hoc_is_started_from_the_command_line(airflow):
    dag_id = "cos_inventory_ad_hoc"
    airflow.wait_for_dag(dag_id)
    airflow.client.unpause(dag_id)
    airflow.cli("dags", "trigger", dag_id, "--run-id", "by-hand", "--conf", json.dumps({"prefix": "图片/"}))
    airflow.client.wait_for_dag_run(dag_id, "by-hand", timeout=120)
    assert airflow.client.xcom(dag_id, "by-hand", "largest", "return_value") == [{"key": "图片/一.jpg", "bytes": 100}]


def test_ad_hoc_refuses_a_bucket_without_its_appid_in_the_form(airflow):
    airflow.wait_for_dag("cos_inventory_ad_hoc")
    with pytest.raises(AirflowRestError) as raised:
        airflow.client.trigger_dag_run("cos_inventory_ad_hoc", conf={"bucket": "examplebucket"})
    assert raised.value.status == 400


def test_a_wrong_destination_fails_once_and_the_log_says_what_to_do(airflow, expected_troubles):
    expected_troubles.append("missing-1250000000")
    dag_id = "cos_inventory_scheduled"
    run_id = airflow.start_dag_run(dag_id, conf={"destination_bucket": "missing-1250000000"})
    airflow.client.wait_for_dag_run(dag_id, run_id, timeout=120, expect="failed")
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
