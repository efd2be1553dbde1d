# SPDX-License-Identifier: Apache-2.0
"""The README tells the truth."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from types import SimpleNamespace

import pytest

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import InventoryJob, Manifest
from tests.airflow import demo
from tests.conftest import DESTINATION, SOURCE
from tests.docs.blocks import ROOT, SNIPPETS, runs
from tests.support.reports import take_report
from tests.support.tasks import make_context, run_task

README = (ROOT / "README.md").read_text()
FIRST = SNIPPETS / "index" / "bucket_size.py"


@runs("README.md", "from datetime")
def test_the_first_dag_runs(cos, block):
    space = {}
    exec(compile(block, "README.md", "exec"), space)
    dag = space["bucket_size"]()
    context = make_context()
    submit, wait, count = (dag.get_task(name) for name in ("submit", "wait", "count"))
    job = run_task(lambda: submit, context).result
    wait.job, wait.poke_interval = job, 0.05
    manifest = run_task(lambda: wait, context).result
    assert count.python_callable(manifest) == 15


@runs("README.md", "from datetime")
def test_the_first_dag_is_that_of_the_site(block):
    assert block == FIRST.read_text()


@runs("README.md", "ask = ")
def test_the_question_is_answered(cos, block):
    from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator

    wait = SimpleNamespace(output=take_report())
    space = {"COSInventoryQueryOperator": COSInventoryQueryOperator, "wait": wait}
    exec(compile(block, "README.md", "exec"), space)
    rows = run_task(lambda: space["ask"], make_context()).result
    assert sum(row["bytes"] for row in rows) == 15


@runs("README.md", "hook = ")
def test_the_rows_are_read(cos, block):
    space = {"COSInventoryHook": COSInventoryHook, "manifest": take_report()}
    exec(compile(block, "README.md", "exec"), space)
    assert space["record"].key


@runs("README.md", "import os")
def test_the_emulator_block_runs(monkeypatch, block):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", "")  # the block sets it; this puts it back
    exec(compile(block, "README.md", "exec"), {})


@runs("README.md", "rule = ")
def test_the_periodic_block_is_accepted(cos, block):
    from airflow_provider_cosinv.operators.cos_inventory_rule import COSInventoryRuleOperator
    from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

    space = {
        "COSInventoryRuleOperator": COSInventoryRuleOperator,
        "COSInventorySensor": COSInventorySensor,
        "BUCKET": SOURCE,
    }
    exec(compile(block, "README.md", "exec"), space)
    space["rule"].execute(make_context())
    cos.deliver_rule(SOURCE, "daily")
    assert run_task(lambda: space["wait"], make_context()).result["matched_objects"] >= 3


@runs("README.md", language="text")
def test_the_demo_prints_what_it_shows(block):
    source = inspect.getsource(demo)
    for words in (demo.SHOWN_STATES["deferred"], "JobId", "Manifest", "It lists", "Storage class", "Prefix", "Size"):
        assert words in block
        assert words in source


def test_what_the_tasks_return_is_what_it_says():
    for cls, task in ((InventoryJob, "submit"), (Manifest, "wait")):
        (line,) = re.findall(rf"^\| {task}: .*? \| (.*) \|$", README, re.MULTILINE)
        assert re.findall(r"`(\w+)`", line) == list(cls.__dataclass_fields__)


def test_the_names_that_it_lists_are_there():
    section = README.split("## Use\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (`COS.*?) \|", section, re.MULTILINE)
    names = {name for line in lines for name in re.findall(r"`(\w+)`", line)}
    found = set()
    for room in ("operators", "sensors", "hooks", "triggers"):
        for path in (ROOT / "airflow_provider_cosinv" / room).glob("cos_inventory*.py"):
            found |= set(vars(import_module(f"airflow_provider_cosinv.{room}.{path.stem}")))
    assert len(names) == 10
    assert names <= found


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", (ROOT / document).read_text()):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/benchmarks.md"])
def test_every_make_target_that_it_names_exists(document):
    makefile = (ROOT / "Makefile").read_text()
    for words in re.findall(r"`make ([\w -]+)`", (ROOT / document).read_text()):
        for target in words.split():
            assert f"\n{target}:" in makefile, target


def test_the_destination_of_the_first_dag_is_the_tests_own():
    assert SOURCE in README
    assert DESTINATION in README
