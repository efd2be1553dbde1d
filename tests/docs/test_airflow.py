# SPDX-License-Identifier: Apache-2.0
"""What ``docs/airflow.md`` shows and says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.io import store

from airflow_provider_cosinv import exceptions
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryThrottledError,
    COSInventoryUnansweredError,
)
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.links import cos as links
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
FOLDER = SNIPPETS / "airflow"
DOCUMENT = (ROOT / "docs" / "airflow.md").read_text()


def load(name):
    return runpy.run_path(str(FOLDER / name))


def test_every_block_is_a_file_and_every_file_is_shown():
    shown = re.findall(r"^<!-- snippet: docs/snippets/airflow/(.+) -->$", DOCUMENT, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in FOLDER.glob("*.py"))
    assert DOCUMENT.count("```") == 2 * len(shown)


def test_a_consumer_reads_the_report_that_the_event_names(cos):
    space = load("assets.py")
    producer, consumer = space["take_the_inventory"](), space["read_the_report"]()
    context = make_context()
    job = run_task(lambda: producer.get_task("submit"), context).result
    wait = producer.get_task("wait")
    wait.job, wait.poke_interval = job, 0.05
    run_task(lambda: wait, context)
    event = SimpleNamespace(extra=context["outlet_events"][space["REPORT"]].extra)
    found = consumer.get_task("count").python_callable(triggering_asset_events={space["REPORT"]: [event]})
    assert found == {"job_id": job["job_id"], "objects": 3}


def test_an_alias_names_the_report_at_run_time(cos):
    space = load("alias.py")
    inventory = space["take_any_inventory"]().get_task("inventory")
    inventory.bucket, inventory.poll_interval = SOURCE, 0.05
    context = make_context()
    job = run_task(lambda: inventory, context).result
    ((uri, _),) = context["outlet_events"].added["cos-inventory-reports"]
    assert uri == f"cos://{DESTINATION}/{job['report_prefix']}"


def test_files_are_written_and_read_as_paths_by_tasks(cos, monkeypatch):
    # Airflow would keep the filesystem of an earlier test's connection.
    monkeypatch.setattr(store, "_STORE_CACHE", {})
    dag = load("object_storage.py")["files_on_cos"]()
    context = make_context()
    path = run_task(lambda: dag.get_task("write"), context).result
    assert cos.keys(DESTINATION) == ["notes/classes.csv"]
    read = dag.get_task("read")
    read.op_args, read.op_kwargs = (path,), {}
    assert run_task(lambda: read, context).result == {"total": 15, "files": ["classes.csv"]}


def test_the_watched_dag_reads_what_the_events_carry():
    space = load("watcher.py")
    events = [SimpleNamespace(extra={"payload": {"manifest_key": key}}) for key in "ab"]
    task = space["when_the_rule_delivers"]().get_task("manifests")
    assert task.python_callable(triggering_asset_events={space["DAILY"]: events}) == ["a", "b"]
    (watcher,) = space["DAILY"].watchers
    assert watcher.trigger.serialize()[1]["since"] == "20261101"


@pytest.mark.parametrize(
    ("error", "action", "minutes"),
    [
        (COSInventoryThrottledError, RetryAction.RETRY, 10),
        (COSInventoryUnansweredError, RetryAction.RETRY, 1),
        (COSInventoryCorruptReportError, RetryAction.FAIL, None),
        (ValueError, RetryAction.DEFAULT, None),
    ],
)
def test_the_policy_tells_the_errors_apart(error, action, minutes):
    decision = load("retry_policy.py")["POLICY"].evaluate(error("x"), 1, 5)
    assert decision.action is action
    assert decision.retry_delay is None if minutes is None else decision.retry_delay.total_seconds() == 60 * minutes


def test_the_policy_is_the_tasks():
    space = load("retry_policy.py")
    assert space["patient_with_cos"]().get_task("inventory").retry_policy is space["POLICY"]


def test_the_table_of_errors_has_them_all():
    rows = re.findall(r"^\| `(COSInventory\w+Error)` \|", DOCUMENT, re.MULTILINE)
    there = {name for name in vars(exceptions) if re.fullmatch(r"COSInventory\w+Error", name)}
    assert len(rows) == len(set(rows))
    assert set(rows) == there
    assert issubclass(COSInventoryConfigurationError, ValueError)


def test_a_deadline_stands_at_the_dag():
    (deadline,) = load("deadline.py")["inventory_by_noon"]().deadline
    assert deadline.interval.total_seconds() == 6 * 60 * 60


def test_the_links_are_those_of_the_provider():
    for path in get_provider_info()["extra-links"]:
        assert f"**{getattr(links, path.rpartition('.')[2])().name}**" in DOCUMENT
