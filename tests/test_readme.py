# SPDX-License-Identifier: Apache-2.0
"""The README tells the truth."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator import COSEmulator, Delivery, EmulatorSettings
from airflow_provider_cosinv.hooks.connection import read_connection
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def block(start):
    (found,) = (text for _, text in BLOCKS if text.lstrip().startswith(start))
    return found


def test_the_first_dag_runs(cos):
    space = {}
    exec(compile(block("from datetime"), "README.md", "exec"), space)
    dag = space["bucket_size"]()
    context = make_context()
    submit, wait, count = (dag.get_task(name) for name in ("submit", "wait", "count"))
    job = run_task(lambda: submit, context).result
    wait.job, wait.poke_interval = job, 0.05
    manifest = run_task(lambda: wait, context).result
    assert count.python_callable(manifest) == 15


def test_the_emulator_block_runs(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", "")  # the block sets it; this puts it back
    exec(compile("import os\n" + block("from airflow_provider_cosinv.emulator"), "README.md", "exec"), {})


def test_the_periodic_block_is_accepted(cos):
    from airflow_provider_cosinv.operators.cos_inventory_rule import COSInventoryRuleOperator
    from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

    space = {
        "COSInventoryRuleOperator": COSInventoryRuleOperator,
        "COSInventorySensor": COSInventorySensor,
        "BUCKET": SOURCE,
    }
    exec(compile(block("rule = "), "README.md", "exec"), space)
    space["rule"].execute(make_context())
    cos.deliver_rule(SOURCE, "daily")
    assert run_task(lambda: space["wait"], make_context()).result["matched_objects"] >= 3


@pytest.mark.parametrize("start", ["export AIRFLOW_CONN_COS_DEFAULT='{", "export AIRFLOW_CONN_COS_DEFAULT='cos:"])
def test_the_connections_are_read(monkeypatch, start):
    from airflow.sdk import BaseHook

    line = block(start).replace("AKID…", "AKIDx").replace("…", "key")
    name, value = shlex.split(line)[1].split("=", 1)
    monkeypatch.setenv(name, value)
    settings = read_connection(BaseHook.get_connection("cos_default"), region=None)
    assert (settings.credentials.secret_id, settings.region) == ("AKIDx", "ap-guangzhou")


def test_the_periodic_delivery_is_the_emulators(cos):
    rule = {
        "destination": Destination(bucket=DESTINATION, region="ap-guangzhou"),
        "schedule": Schedule(frequency="Daily"),
    }
    COSInventoryHook().put_rule(bucket=SOURCE, configuration=InventoryConfiguration(inventory_id="daily", **rule))
    words = shlex.split(block("curl").replace("\\\n", " "))
    name, _, value = words[words.index("-H") + 1].partition(": ")
    request = urllib.request.Request(
        words[-1].replace("http://127.0.0.1:9000", cos.url),
        data=words[words.index("-d") + 1].encode(),
        headers={name: value},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["inventory_id"] == "daily"


def test_the_settings_of_the_emulator_are_where_it_says():
    (line,) = re.findall(r"`(COSEmulator\(settings=.*?\))`", README)
    space = {"COSEmulator": COSEmulator, "EmulatorSettings": EmulatorSettings, "Delivery": Delivery}
    assert eval(line, space).settings.delivery.polls == 3


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\w+)", README):
        assert f"\n{target}:" in makefile


def test_the_emulators_options_exist():
    text = subprocess.run(
        [sys.executable, "-m", "airflow_provider_cosinv.emulator", "--help"], check=True, capture_output=True, text=True
    ).stdout
    for option in set(re.findall(r"`(--[\w-]+)", README)):
        assert option in text


def test_the_destination_of_the_first_dag_is_the_tests_own():
    assert SOURCE in README
    assert DESTINATION in README
