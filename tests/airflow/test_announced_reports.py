# SPDX-License-Identifier: Apache-2.0
"""A DAG that runs when a periodic inventory delivers, in a real Airflow whose triggerer dies."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from tests.airflow.wait import wait_until

SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"
DAG = "cos_inventory_watched"
DAY = 24 * 60 * 60


def deliver(cos, *, days):
    """Let the rule deliver, so many days after that three days ago; return the report's date."""
    cos.set_clock_offset((days - 3) * DAY)
    try:
        return cos.deliver_rule(SOURCE, "daily")["date"]
    finally:
        cos.set_clock_offset(0)


def watermark(airflow):
    variables = airflow.client.request("GET", "/api/v2/variables", limit=100)["variables"]
    ours = {entry["key"]: entry["value"] for entry in variables if entry["key"].startswith("cosinv_daily_")}
    # Beside the watermark there is a probe for a moment, before the first report.
    texts = [text for key, text in ours.items() if not key.endswith("_probe")]
    assert len(texts) <= 1, f"one rule, one watermark: {sorted(ours)}"
    return json.loads(texts[0]) if texts else {}


def watchers(airflow):
    """Triggers of ours that watch an Asset; no API tells."""
    with contextlib.closing(sqlite3.connect(airflow.home / "airflow.db", timeout=30)) as database:
        (count,) = database.execute("SELECT count(*) FROM trigger WHERE classpath LIKE '%COSInventoryEventTrigger'")
    return count[0]


def pause(airflow):
    airflow.client.pause(DAG)
    airflow.client.parse_again(DAG)
    wait_until(lambda: not watchers(airflow), what="Airflow has stopped the watcher of a paused DAG")


def events(airflow):
    """Dates of the reports that were announced, in order."""
    found = airflow.client.asset_events()
    payloads = [event["extra"]["payload"] for event in found if event["extra"].get("from_trigger")]
    return sorted(payload["date"] for payload in payloads if payload["source_bucket"] == SOURCE)


@pytest.fixture
def no_watcher_afterwards(airflow):
    """Tests that come later have the triggerer to themselves."""
    yield
    pause(airflow)


@pytest.mark.usefixtures("no_watcher_afterwards")
def test_each_new_report_starts_one_run_whatever_happens_to_the_triggerer(airflow, airflow_cos):
    run_id = airflow.start_dag_run("cos_inventory_rule")
    airflow.client.wait_for_dag_run("cos_inventory_rule", run_id)
    before = deliver(airflow_cos, days=0)
    airflow.wait_for_dag(DAG)
    airflow.client.unpause(DAG)
    airflow.client.parse_again(DAG)
    wait_until(lambda: before in watermark(airflow).get("announced", []), what="the watcher has begun")

    first = deliver(airflow_cos, days=1)
    wait_until(lambda: first in watermark(airflow)["announced"], what="the first report is announced and kept")
    assert events(airflow) == [first]

    airflow.kill("triggerer")
    second = deliver(airflow_cos, days=2)
    airflow.start("triggerer")
    wait_until(lambda: second in watermark(airflow)["announced"], what="the second report is announced and kept")
    assert events(airflow) == [first, second]

    airflow.kill("triggerer")
    looks = len(airflow_cos.faults())
    airflow_cos.fault(action="GetBucket", bucket=DESTINATION, times=0)  # counts
    airflow.start("triggerer")
    wait_until(lambda: airflow_cos.faults()[looks]["seen"] >= 3, what="the watcher has looked three times")
    assert events(airflow) == [first, second]

    pause(airflow)
    third = deliver(airflow_cos, days=3)
    airflow.client.unpause(DAG)
    airflow.client.parse_again(DAG)
    wait_until(lambda: third in watermark(airflow)["announced"], what="the third report is announced and kept")
    assert events(airflow) == [first, second, third]

    wait_until(lambda: len(airflow.client.dag_runs(DAG)) == 3, what="each report has its run")
    runs = airflow.client.dag_runs(DAG)
    assert [run["run_type"] for run in runs] == ["asset_triggered"] * 3
    read = []
    for run in runs:
        airflow.client.wait_for_dag_run(DAG, run["dag_run_id"])
        read += airflow.client.xcom(DAG, run["dag_run_id"], "sizes")
    assert sorted(read, key=lambda report: report["date"]) == [
        {"date": first, "objects": 11, "bytes": 145},
        {"date": second, "objects": 11, "bytes": 145},
        {"date": third, "objects": 11, "bytes": 145},
    ]
