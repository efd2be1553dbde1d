# SPDX-License-Identifier: Apache-2.0
"""In a DAG that renders templates as native Python values, what reaches COS is the text that was written."""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module

import pytest
from airflow.sdk import DAG

from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.hooks.templates import TEXT_FIELDS, TextFields
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_rule import (
    COSInventoryDeleteRuleOperator,
    COSInventoryRuleOperator,
)
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context, run_task

ACCOUNT = "100000000001"
DAY = "20261122"
PLACE = {
    "bucket": SOURCE,
    "inventory_id": "{{ ds_nodash }}",
    "destination_bucket": DESTINATION,
    "destination_prefix": "{{ params.year }}",
}
ASKED = {**PLACE, "prefix": "{{ params.year }}", "account_id": "{{ params.account }}"}
SOON = {"poke_interval": 0.01, "timeout": 20}


@pytest.fixture
def dag(cos):
    cos.put_object(SOURCE, "2026/a", b"1")
    with DAG("native", schedule=None, render_template_as_native_obj=True) as native:
        yield native


def rendered(task, **more):
    """The task with its fields rendered, and the context for them, as a worker has them."""
    params = {"year": "2026", "account": ACCOUNT, "flag": True, **more}
    context = make_context(ds_nodash=DAY, params=params, dag=task.dag, task=task, ti=TaskInstance(map_index=0))
    # Of a mapped task, Airflow makes the params anew.
    context["dag_run"].conf = params
    task.render_template_fields(context)
    return context["task"], context


def run(task, **more):
    made, context = rendered(task, **more)
    return run_task(lambda: deepcopy(made), context).result


def test_the_digits_of_each_field_of_a_submission_reach_cos(dag, cos):
    run(COSInventoryOperator(task_id="submit", **ASKED))
    (job,) = cos.jobs()
    assert job["inventory_id"] == DAY
    cos.deliver_job(job["job_id"])
    manifest = run(COSInventorySensor(task_id="wait", **PLACE, **SOON))
    assert manifest["matched_objects"] == 1
    assert manifest["manifest_key"].startswith(f"2026/1250000000/examplebucket/{DAY}/")


def test_the_digits_of_a_date_are_one_for_a_mapped_sensor_too(dag, cos):
    run(COSInventoryRuleOperator(task_id="rule", frequency="Daily", **ASKED))
    (rule,) = COSInventoryHook().list_rules(bucket=SOURCE)
    assert (rule.inventory_id, rule.filter.prefix) == (DAY, "2026")
    assert (rule.destination.prefix, rule.destination.account_id) == ("2026", ACCOUNT)
    day = cos.deliver_rule(SOURCE, DAY)["date"]
    wait = COSInventorySensor.partial(task_id="wait", **PLACE, **SOON).expand(date=["{{ params.day }}"])
    assert run(wait, day=day)["manifest_key"].endswith(f"/{day}/manifest.json")
    run(COSInventoryDeleteRuleOperator(task_id="delete", bucket=SOURCE, inventory_id="{{ ds_nodash }}"))
    assert list(COSInventoryHook().list_rules(bucket=SOURCE)) == []


def test_a_selection_may_be_named_by_digits(dag, cos):
    manifest = run(COSInventoryOperator(task_id="submit", wait_for_completion=True, poll_interval=0.01, **ASKED))[
        "manifest"
    ]
    selection = COSInventorySelectionOperator(
        task_id="select",
        where="true",
        manifest=manifest,
        inventory_id="{{ params.year }}",
        destination_prefix="{{ params.year }}",
        date="{{ ds_nodash }}",
    )
    assert run(selection)["manifest_key"] == f"2026/1250000000/examplebucket/2026/{DAY}/manifest.json"


def test_what_is_neither_text_nor_digits_is_still_refused_by_name(dag):
    with pytest.raises(AirflowFailException, match="True is not a string") as raised:
        run(COSInventoryOperator(task_id="submit", **{**ASKED, "prefix": "{{ params.flag }}"}))
    assert raised.value.__cause__.parameter == "prefix"


def test_no_operator_or_sensor_with_such_a_field_is_left_out():
    found = [
        value
        for kind in ("operators", "sensors")
        for entry in get_provider_info()[kind]
        for module in entry["python-modules"]
        for value in vars(import_module(module)).values()
        if getattr(value, "__module__", None) == module and TEXT_FIELDS & set(getattr(value, "template_fields", ()))
    ]
    assert len(found) == 8
    assert [cls for cls in found if not issubclass(cls, TextFields)] == []
