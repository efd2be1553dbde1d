# SPDX-License-Identifier: Apache-2.0
"""``docs/queries.md`` says what the ready-made queries do."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import duckdb
import pytest

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import DataFile, Manifest
from airflow_provider_cosinv.inventory.prices import inventory_bill
from airflow_provider_cosinv.inventory.queries.arguments import REQUIRED
from airflow_provider_cosinv.inventory.queries.catalogue import READY_QUERIES, ready_query
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.conftest import DESTINATION
from tests.docs.blocks import blocks_to_run, runs
from tests.support.tasks import make_context, run_task

DOCUMENT = (Path(__file__).parents[1] / "docs" / "queries.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE))
(REPORT,) = blocks_to_run("docs/queries.md", language="csv")
EXAMPLES = {text.split('"')[1]: text for text in blocks_to_run("docs/queries.md", "ready_query(")}
ROWS = list(csv.reader(REPORT.splitlines()))


def data_file():
    """The report of the examples as COS would write it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([quote(key), *rest] for key, *rest in ROWS[1:])
    return gzip.compress(text.getvalue().encode())


def manifest_of(data):
    file = DataFile(key="inventory/1.csv.gz", size=len(data), md5=hashlib.md5(data).hexdigest())
    return Manifest(
        bucket=DESTINATION,
        region="ap-guangzhou",
        source_bucket="examplebucket-1250000000",
        manifest_key="inventory/manifest.json",
        checksum="0" * 32,
        columns=tuple(ROWS[0]),
        listed_objects=50_000_000,
        listed_bytes=None,
        matched_objects=len(ROWS) - 1,
        matched_bytes=None,
        files=(file,),
    )


@pytest.fixture(scope="module")
def report():
    data = data_file()
    with open_engine(EngineSettings()) as engine:
        yield ReportTable(engine=engine, report=manifest_of(data), open_file=lambda _: [data])


@pytest.fixture
def manifest(cos):
    data = data_file()
    cos.put_object(DESTINATION, "inventory/1.csv.gz", data)
    return manifest_of(data).as_dict()


def tables(section):
    """The tables of a section, as rows of cells, by the first name of the head."""
    found = {}
    for text in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
        found.setdefault(rows[0][0], []).append(rows)
    return found


def cell(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def test_each_query_has_a_section_and_a_line():
    common = [
        "What all of them have in common",
        "Each object counts once",
        "What empty means",
        "The report of the examples",
        "What the inventory cost",
    ]
    assert set(SECTIONS) == {*READY_QUERIES, *common}
    ((_, _, *lines),) = tables(DOCUMENT.split("\n## ")[0])["query"]
    assert lines == [[f"[`{query.name}`](#{query.name})", query.summary] for query in READY_QUERIES.values()]


@pytest.mark.parametrize("name", READY_QUERIES)
def test_the_arguments_and_needs_are_these(name):
    query = READY_QUERIES[name]
    needs = re.search(r"^Needs (.*?)\.", SECTIONS[name], re.MULTILINE)[1]
    assert tuple(re.findall(r"`(\w+)`", needs)) == query.needs
    found = tables(SECTIONS[name]).get("argument", [[[], []]])[0][2:]
    assert [row[:2] for row in found] == [
        [f"`{name}`", "required" if argument.default is REQUIRED else f"`{argument.default!r}`"]
        for name, argument in query.arguments.items()
    ]
    assert ("Takes no arguments." in SECTIONS[name]) == (not query.arguments)


@pytest.mark.parametrize("name", READY_QUERIES)
def test_the_columns_are_these_in_parquet_too(name, report, tmp_path):
    sql = eval(EXAMPLES[name], {"ready_query": ready_query, "report": report})
    report.save(sql, tmp_path / "result.parquet", options="FORMAT parquet")
    described = duckdb.sql(f"DESCRIBE FROM '{tmp_path}/result.parquet'").fetchall()
    assert [row[:2] for row in tables(SECTIONS[name])["column"][0][2:]] == [
        [f"`{column}`", kind] for column, kind, *_ in described
    ]


@pytest.mark.parametrize("name", READY_QUERIES)
@pytest.mark.parametrize("encoded", [False, True])
def test_the_example_has_this_result(name, encoded, report):
    def ask(name, arguments=None, *, columns):
        return ready_query(name, arguments, columns=columns, encoded=encoded)

    assert EXAMPLES[name] in SECTIONS[name]
    rows = report.fetch(eval(EXAMPLES[name], {"ready_query": ask, "report": report}), max_rows=100)
    head, _, *shown = list(tables(SECTIONS[name]).values())[-1][-1]
    assert head == list(rows.columns)
    assert shown == [[cell(value) for value in row.values()] for row in rows.rows]


@runs("docs/queries.md", "ask = ")
def test_the_task_that_asks_runs(manifest, block):
    from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator

    space = {"COSInventoryQueryOperator": COSInventoryQueryOperator, "wait": SimpleNamespace(output=manifest)}
    exec(block, space)
    result = run_task(lambda: space["ask"], make_context()).result
    assert [row["prefix"] for row in result] == ["tmp/", "logs/2025/", "backup/", "logs/2026/", "图片/", ""]


def test_the_time_that_every_run_has_is_one_to_count_from(manifest):
    from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator

    now = re.search(r'`"({{ dag_run.+?)"`', SECTIONS["by_age"])[1]
    ask = COSInventoryQueryOperator(task_id="ask", manifest=manifest, query="by_age", query_arguments={"now": now})
    run = SimpleNamespace(run_after=datetime(2020, 1, 1, tzinfo=timezone.utc))
    ask.render_template_fields({"dag_run": run})
    result = run_task(lambda: ask, make_context(dag_run=run)).result
    assert [row["age"] for row in result if row["objects"]] == ["future"]


@runs("docs/queries.md", "with COSInventoryHook")
def test_the_python_that_asks_runs(manifest, block):
    space = {"COSInventoryHook": COSInventoryHook, "ready_query": ready_query, "manifest": manifest}
    exec(block, space)
    assert [row["bytes"] for row in space["rows"]] == [1073741824, 805306368, 536870912, 536870912, 7168, 2048]


@runs("docs/queries.md", "inventory_bill(")
def test_the_bill_is_the_one_shown(report, block):
    section = SECTIONS["What the inventory cost"]
    manifest = report.report.as_dict() if "manifest[" in block else report.report
    bill = eval(block, {"inventory_bill": inventory_bill, "manifest": manifest})
    assert bill == Decimal("0.135")
    assert f"`{bill!r}`" in section
