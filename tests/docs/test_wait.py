# SPDX-License-Identifier: Apache-2.0
"""What ``docs/wait.md`` shows, run against the emulator, and what it says."""

from __future__ import annotations

import re
import runpy
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path

import pytest
from airflow.configuration import conf

from airflow_provider_cosinv.cos.async_session import CONNECTIONS
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.hooks.airflow_errors import AirflowSkipException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.inventory.report.layout import report_dates
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.waiting.interval import interval_at
from airflow_provider_cosinv.waiting.outcome import TRIGGERER_MARGIN
from airflow_provider_cosinv.waiting.pacing import PLACES
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context, run_task
from tests.waiting.test_progress import lines_of, submission

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
FOLDER = SNIPPETS / "wait"
DOCUMENT = (ROOT / "docs" / "wait.md").read_text()


def load(file, name):
    return runpy.run_path(str(FOLDER / file))[name]()


def wait_of(file, name, **changed):
    """The task that waits, which looks again soon."""
    wait = load(file, name).get_task("wait")
    for parameter, value in {"poke_interval": 0.02, **changed}.items():
        setattr(wait, parameter, value)
    return wait


def result_of(task, **context):
    return run_task(lambda: deepcopy(task), make_context(**context))


class TestAReportThatIsLate:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=6))

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("first.py", "wait_for_a_report"),
            ("on_a_worker.py", "wait_without_a_triggerer"),
            ("pace.py", "wait_at_an_even_pace"),
        ],
    )
    def test_two_tasks_wait_for_it(self, cos, file, name):
        job = result_of(load(file, name).get_task("submit")).result
        wait = wait_of(file, name, job=job, exponential_backoff=False)
        run = result_of(wait)
        assert run.result["matched_objects"] == 3
        assert (run.deferrals, run.reschedules > 0) == ((1, False) if wait.deferrable else (0, True))

    def test_one_task_waits_for_it(self, cos):
        inventory = load("one_task.py", "submit_and_wait").get_task("inventory")
        inventory.poll_interval = 0.02
        run = result_of(inventory)
        assert run.deferrals == 1
        assert run.result["manifest"]["matched_objects"] == 3

    def test_the_log_has_the_lines_that_it_shows(self, cos):
        cos.fault(method="GET", key=r"manifest\.json", times=3, status=404, code="NoSuchKey")
        job = submission().execute(make_context())
        wait = wait_of("first.py", "wait_for_a_report", job=job)
        logged = [shape(text) for _, text in lines_of(wait, make_context())]
        assert logged == [shape(line) for line in (FOLDER / "log.txt").read_text().splitlines()]


def shape(line):
    """A line of log without what differs from wait to wait."""
    line = re.sub(r"cos://\S+?(/manifest\.json)?(: )", r"cos://\1\2", line)
    return re.sub(r"waited [^)]*", "waited", re.sub(r"\d[\d,]*", "0", line))


def parameters_of(dag):
    given = dag.get_task("submit").partial_kwargs
    return {name: given[name] for name in ("destination_bucket", "destination_prefix")}


def test_mapped_tasks_wait_for_many(cos):
    dag = load("many.py", "wait_for_many")
    buckets = dag.get_task("submit").expand_input.value["bucket"]
    for bucket in buckets[1:]:
        cos.create_bucket(bucket)
    wait = dag.get_task("wait")
    assert wait.partial_kwargs["deferrable"] is True
    for index, bucket in enumerate(buckets):
        ti = TaskInstance(map_index=index)
        job = COSInventoryOperator(task_id="submit", bucket=bucket, **parameters_of(dag))
        found = result_of(job, ti=ti).result
        sensor = wait_of("first.py", "wait_for_a_report", job=found)
        assert result_of(sensor, ti=ti).result["source_bucket"] == bucket


def put_rule(cos):
    """A rule as the page's sensors expect it, whose report is there; return its date."""
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="rules")
    rule = InventoryConfiguration(inventory_id="daily", destination=destination, schedule=Schedule(frequency="Daily"))
    COSInventoryHook().put_rule(bucket=SOURCE, configuration=rule)
    return cos.deliver_rule(SOURCE, "daily")["date"]


def test_a_report_of_a_rule_is_found_on_the_day_of_the_run(cos):
    put_rule(cos)
    run = result_of(wait_of("periodic.py", "wait_for_the_daily_report"))
    assert run.result["matched_objects"] >= 3


def test_a_report_of_a_date_is_found_and_another_is_skipped(cos):
    wait = load("of_a_date.py", "read_the_report_of_a_day").get_task("wait")
    wait.poke_interval, wait.timeout = 0.02, 0.1
    date = put_rule(cos)
    for params, is_there in (({"date": date}, True), ({"date": "20200101"}, False)):
        rendered = deepcopy(wait)
        rendered.render_template_fields({"params": params})
        if is_there:
            assert result_of(rendered).result["matched_objects"] >= 3
        else:
            with pytest.raises(AirflowSkipException, match="last seen: not there yet"):
                result_of(rendered)


class TestWhatItSays:
    def test_every_block_is_a_file_and_every_file_is_shown(self):
        shown = re.findall(r"^<!-- snippet: docs/snippets/wait/(.+) -->$", DOCUMENT, re.MULTILINE)
        assert sorted(shown) == sorted(path.name for path in FOLDER.iterdir() if path.is_file())
        assert DOCUMENT.count("```") == 2 * len(shown)

    def test_the_table_of_intervals(self):
        rows = re.findall(r"^\| ([\d]+) (min|h)[^|]*\| (\d+) (min|s) \| (\d+) s \|$", DOCUMENT, re.MULTILINE)
        assert len(rows) == 3
        for age, unit, minute, minute_unit, ten in rows:
            seconds = int(age) * {"min": 60, "h": 3600}[unit]
            assert interval_at(seconds, floor=60) == int(minute) * {"min": 60, "s": 1}[minute_unit]
            assert interval_at(seconds, floor=10) == int(ten)

    def test_the_figures(self):
        assert f"at most {CONNECTIONS} connections" in DOCUMENT
        assert f"{PLACES} look at the same time" in DOCUMENT
        assert TRIGGERER_MARGIN.total_seconds() == 300
        assert "five minutes later" in DOCUMENT
        assert conf.getfloat("sensors", "default_timeout") == 7 * 24 * 3600
        assert "Airflow's default for sensors is seven days" in DOCUMENT

    def test_a_run_looks_for_one_day_until_16_utc_and_for_two_after_that(self):
        def days(hour, minute):
            due = datetime(2026, 11, 26, hour, minute, tzinfo=timezone.utc)
            return len(report_dates(due, due))

        assert [days(0, 0), days(15, 59), days(16, 0), days(23, 59)] == [1, 1, 2, 2]

    @pytest.mark.parametrize(
        ("file", "name"),
        [("wait/periodic.py", "wait_for_the_daily_report"), ("submit/periodic.py", "wait_for_its_report")],
    )
    def test_a_run_that_waits_for_a_rule_cannot_take_the_report_of_the_day_before(self, file, name):
        dag = runpy.run_path(str(SNIPPETS / file))[name]()
        minute, hour = map(int, dag.schedule.split()[:2])
        due = datetime(2026, 11, 26, hour, minute, tzinfo=timezone.utc)
        assert report_dates(due, due) == ("20261126",)

    def test_its_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([a-z]+\.md)", DOCUMENT):
            assert (ROOT / "docs" / target).exists(), target
