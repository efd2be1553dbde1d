# SPDX-License-Identifier: Apache-2.0
"""What ``docs/tables.md`` says is what the package has."""

from __future__ import annotations

import gzip
import inspect
import re
import runpy
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.execution_time import macros

from airflow_provider_cosinv.hooks.airflow_errors import AirflowSkipException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.table.columns import table_columns
from tests.conftest import DESTINATION, SOURCE
from tests.docs.blocks import SNIPPETS, runs
from tests.support.reports import take_report
from tests.support.tasks import make_context, run_task
from tests.table.tables import opened

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "tables.md").read_text()
PACKAGE = "\n".join(path.read_text() for path in (ROOT / "airflow_provider_cosinv").rglob("*.py"))


@task
def batches(manifest: dict[str, object]) -> list[list[object]]:
    """What the document leaves out: the task that cuts a manifest."""
    return [[manifest]]


def section(title: str) -> str:
    return DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0]


def run(block: str) -> dict[str, object]:
    """Run a block of the document as a part of a DAG file, which has the names around it."""
    with DAG(dag_id="document", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        names: dict[str, object] = {
            "COSInventoryHook": COSInventoryHook,
            "COSInventoryToParquetOperator": COSInventoryToParquetOperator,
            "COSInventoryQueryOperator": COSInventoryQueryOperator,
            "COSInventorySelectionOperator": COSInventorySelectionOperator,
            "task": task,
            "batches": batches,
        }
        submit = COSInventoryOperator(task_id="submit", bucket="examplebucket-1250000000")
        names["wait"] = COSInventorySensor(task_id="wait", job=submit.output)
        exec(compile(block, "docs/tables.md", "exec"), names)  # the block is this project's own
    return names


class TestTheDocumentOfTables:
    @runs("docs/tables.md", language="python")
    def test_each_block_is_a_part_of_a_dag(self, block):
        run(block)

    @runs("docs/tables.md", "@task")
    def test_the_task_of_ones_own_does_what_it_shows(self, cos, block):
        counted, oldest = run(block)["stale"].function(take_report())

        assert counted == [{"objects": 3}]
        assert sorted(row["Key"] for row in oldest) == ["logs/2026/a+b.gz", "readme.txt", "图片/一 二.jpg"]

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
    def test_no_value_of_the_csv_for_people_is_a_formula(self, begin):
        sql = (SNIPPETS / "tables" / "spreadsheet.sql").read_text()
        body = gzip.compress(f"1,b,{quote(begin)}cmd(),1\n1,b,a{quote(begin)},1\n".encode())
        with opened([body], rows=2) as table:
            assert [row["Key"] for row in table.fetch(sql, max_rows=9).rows] == [f"'{begin}cmd()", f"a{begin}"]

    @pytest.mark.parametrize("days", [0, 7])
    def test_a_week_is_compared_with_the_one_before_or_with_nothing(self, cos, days):
        dag = runpy.run_path(str(SNIPPETS / "tables" / "diff.py"))["what_the_week_has_changed"]()
        rule = InventoryConfiguration(
            inventory_id="daily",
            destination=Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="rules"),
            schedule=Schedule(frequency="Daily"),
        )
        COSInventoryHook().put_rule(bucket=SOURCE, configuration=rule)
        delivered = datetime.strptime(cos.deliver_rule(SOURCE, "daily")["date"], "%Y%m%d").replace(tzinfo=timezone.utc)
        due = SimpleNamespace(run_after=delivered + timedelta(days=days, hours=8))

        def outcome(name, **changed):
            found = deepcopy(dag.get_task(name))
            vars(found).update(changed)
            found.render_template_fields({"dag_run": due, "macros": macros})
            return run_task(lambda: deepcopy(found), make_context(dag_run=due)).result

        # One of the two is there: that of this week, or that of the week before.
        if days:
            assert outcome("last_week")["matched_objects"] == 3
        else:
            with pytest.raises(AirflowSkipException):
                outcome("last_week", timeout=0.1, poke_interval=0.02)
            current = outcome("this_week")
            counts = outcome("diff", previous=None, current=current)
            assert (counts["added"], counts["removed"]) == (current["matched_objects"], 0)
            assert counts["path"] == f"cos://{DESTINATION}/changes/{delivered:%Y-%m-%d}.parquet"
        assert dag.get_task("diff").trigger_rule == "none_failed"

    def test_the_columns_are_those_of_the_table(self):
        documented = set(re.findall(r"`([A-Za-z0-9]+)`", section("The table").split("An empty field")[0]))
        every = ["Appid", "Bucket", "Key", "VersionId", "IsLatest", "DeleteMarker", "IsDeleteMarker", "Size"]
        every += ["LastModifiedDate", "LastModifiedTime", "ETag", "StorageClass", "IsMultipartUploaded"]
        every += ["ReplicationStatus", "Tag", "Crc64"]

        assert set(every) <= documented
        for column in table_columns(every):
            assert re.search(rf"`{column.name}`.*\| {re.escape(column.kind.type)} \|", DOCUMENT), column

    def test_the_parameters_of_a_question_are_the_operators(self):
        documented = set(
            re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section("Questions"), re.MULTILINE)))
        )

        assert documented <= set(inspect.signature(COSInventoryQueryOperator).parameters)

    def test_each_message_is_one_of_the_package(self):
        messages = re.findall(r"^\| `(.*?)` \|", section("When it fails"), re.MULTILINE)

        assert len(messages) > 5
        for message in messages:
            for piece in message.split("…"):
                assert piece.strip() in PACKAGE, message
