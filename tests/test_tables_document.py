# SPDX-License-Identifier: Apache-2.0
"""What ``docs/tables.md`` says is what the package has."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, task

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory.table_columns import table_columns
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.docs.blocks import runs
from tests.support.reports import take_report

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
            "COSInventoryDiffOperator": COSInventoryDiffOperator,
            "COSInventorySelectionOperator": COSInventorySelectionOperator,
            "task": task,
            "batches": batches,
            "last_week": COSInventorySensor(task_id="last_week", bucket="examplebucket-1250000000", inventory_id="w"),
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
