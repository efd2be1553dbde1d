# SPDX-License-Identifier: Apache-2.0
"""What the OpenLineage provider tells of the tasks, in the events that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import EmulatorSettings

SOURCE = ("cos://examplebucket-1250000000", "/")
REPORTS = "cos://inventorybucket-1250000000"

RUN = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
run = bag.dags[sys.argv[2]].test()
sys.exit(run.state != "success")
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """The datasets of each task of the lineage DAG, by event type: (inputs, outputs)."""
    home = tmp_path_factory.mktemp("openlineage")
    dags = Path(__file__).parent / "lineage_dags"
    log = home / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(log), "append": True}
    with COSEmulator(settings=EmulatorSettings(post_rate=0)) as cos:
        cos.create_bucket("examplebucket-1250000000")
        cos.create_bucket("inventorybucket-1250000000")
        cos.put_object("examplebucket-1250000000", "a/1.txt", b"x")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONN_COS_DEFAULT": cos.connection_json,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "test",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        for command in (["-m", "airflow", "db", "migrate"], ["-c", RUN, str(dags / "lineage.py"), "lineage"]):
            done = subprocess.run(
                [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, cwd=home
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        _, _, task = event["job"]["name"].partition(".")
        if task:
            found[task, event["eventType"]] = tuple(
                [(dataset["namespace"], dataset["name"]) for dataset in event[side]] for side in ("inputs", "outputs")
            )
    return found


@pytest.fixture(scope="module")
def report(events):
    """The dataset of the report."""
    (found,) = events["wait", "COMPLETE"][1]
    return found


def test_a_report_is_the_folder_of_its_inventory(report):
    assert report[0] == REPORTS
    assert report[1].startswith("inv/1250000000/examplebucket/lineage.submit-")


def test_the_source_bucket_becomes_the_report(events, report):
    assert events["submit", "START"] == ([SOURCE], [])
    assert events["submit", "COMPLETE"] == ([SOURCE], [report])
    assert events["wait", "COMPLETE"] == ([SOURCE], [report])


def test_the_report_becomes_parquet(events, report):
    assert events["convert", "COMPLETE"] == ([report], [(REPORTS, "parts")])


def test_parquet_becomes_a_result_or_nothing(events):
    assert events["ask", "COMPLETE"] == ([(REPORTS, "parts")], [(REPORTS, "out/keys.csv")])
    assert events["count", "COMPLETE"] == ([(REPORTS, "parts")], [])


def test_two_reports_become_their_difference(events, report):
    assert events["diff", "COMPLETE"] == ([(REPORTS, "parts"), report], [(REPORTS, "out/diff.csv")])


def test_a_selection_is_a_report_of_its_own(events, report):
    chosen = (REPORTS, "chosen/1250000000/examplebucket/small")
    assert events["select", "COMPLETE"] == ([report], [chosen])


def test_what_a_hook_reads_in_a_task_of_ones_own_is_seen(events, report):
    assert events["loop", "COMPLETE"] == ([report], [])
