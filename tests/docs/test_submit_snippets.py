# SPDX-License-Identifier: Apache-2.0
"""What ``docs/submit.md`` shows, run against the emulator."""

from __future__ import annotations

import json
import re
import runpy
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import InventoryJob
from airflow_provider_cosinv.inventory.report.layout import report_dates
from tests.conftest import DESTINATION, SOURCE
from tests.docs.blocks import ROOT, SNIPPETS
from tests.support.reports import run
from tests.support.tasks import TaskInstance, make_context, run_task

FOLDER = SNIPPETS / "submit"
DOCUMENT = (ROOT / "docs" / "submit.md").read_text()


def dag_of(file, name):
    return runpy.run_path(str(FOLDER / file))[name]()


@pytest.mark.parametrize(
    ("file", "name"),
    [("first.py", "submit_every_day"), ("content.py", "submit_what_is_asked_for"), ("job.py", "use_the_job")],
)
def test_each_submits_one_inventory(cos, file, name):
    job = run(dag_of(file, name).get_task("submit"))
    assert job["job_id"]
    assert cos.accepted_posts(SOURCE) == 1


def test_the_keys_of_the_result_are_those_of_a_job():
    documented = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)))
    assert documented == list(InventoryJob.__dataclass_fields__)


def test_the_job_can_be_used():
    note = dag_of("job.py", "use_the_job").get_task("note")
    assert note.python_callable("x", "2026-11-26") == "x of 2026-11-26"


def test_a_form_asks_for_what_it_says(cos):
    submit = dag_of("form.py", "submit_from_a_form").get_task("submit")
    submit.render_template_fields({"params": {"bucket": SOURCE, "prefix": "logs/", "fields": ["Size"]}})
    run(submit)
    (key,) = (key for key in cos.keys(DESTINATION) if key.endswith("/manifest.json"))
    manifest = json.loads(cos.get_object(DESTINATION, key))
    assert manifest["fileSchema"] == "Appid, Bucket, Key, Size"
    assert manifest["filterObjectCount"] == "1"


def test_several_buckets_are_submitted_one_after_the_other(cos):
    cos.create_bucket("logs-1250000000")
    dag = dag_of("many.py", "submit_many")
    buckets = dag.get_task("submit").expand_input.value["bucket"]
    assert buckets == [SOURCE, "logs-1250000000"]
    assert dag.get_task("submit").partial_kwargs["max_active_tis_per_dagrun"] == 1
    assert dag.get_task("wait").partial_kwargs["deferrable"] is True


def test_one_task_returns_job_and_manifest(cos):
    task = dag_of("one_task.py", "in_one_task").get_task("inventory")
    result = run(task)
    assert result["job_id"]
    assert result["manifest"]["matched_objects"] == 3


def test_an_id_of_ones_own_is_attached_to(cos):
    ids = []
    for run_id in ("manual__1", "manual__2"):
        task = dag_of("own_id.py", "with_an_id_of_its_own").get_task("submit")
        # All that a run without a logical date has.
        task.render_template_fields({"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 26, tzinfo=timezone.utc))})
        ids.append(run_task(lambda task=task: task, make_context(ti=TaskInstance(run_id=run_id))).result)
    assert [job["inventory_id"] for job in ids] == ["export-20261126"] * 2
    assert [job["attached"] for job in ids] == [False, True]
    assert cos.accepted_posts(SOURCE) == 1


def test_a_periodic_inventory_is_set_up_waited_for_and_taken_away(cos):
    run(dag_of("periodic.py", "set_up_the_rule").get_task("rule"))
    cos.deliver_rule(SOURCE, "daily")
    due = SimpleNamespace(run_after=datetime.now(timezone.utc))
    wait = dag_of("periodic.py", "wait_for_its_report").get_task("wait")
    assert run_task(lambda: wait, make_context(dag_run=due)).result["matched_objects"] == 3
    run(dag_of("take_away.py", "take_the_rule_away").get_task("delete"))
    assert COSInventoryHook().get_rule(bucket=SOURCE, inventory_id="daily") is None


def test_python_submits_too(cos, capsys):
    space = runpy.run_path(str(FOLDER / "python.py"))
    assert capsys.readouterr().out.strip() == space["submitted"].job_id
    assert cos.accepted_posts(SOURCE) == 1


class TestPythonThatLooks:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=1))

    def test_it_finds_what_python_submitted_and_asks_it(self, cos, capsys):
        runpy.run_path(str(FOLDER / "python.py"))
        capsys.readouterr()
        now = datetime.now(timezone.utc)
        text = (FOLDER / "python_report.py").read_text()
        days = '("20261126", "20261127")'
        assert days in text
        for said in ({"absent"}, {"ready", "3 objects", "图片/ 1 3", "logs/ 1 5", " 1 7"}):
            exec(text.replace(days, repr(report_dates(now, now))), {})
            assert said <= set(capsys.readouterr().out.splitlines())
