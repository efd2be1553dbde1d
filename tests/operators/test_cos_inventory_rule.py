# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from copy import deepcopy

import pytest

from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory_rule import (
    COSInventoryDeleteRuleOperator,
    COSInventoryRuleOperator,
)
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task


def make_rule(**parameters):
    return COSInventoryRuleOperator(
        **{
            "task_id": "rule",
            "bucket": SOURCE,
            "inventory_id": "daily",
            "frequency": "Daily",
            "destination_bucket": DESTINATION,
            "destination_prefix": "rules/",
            **parameters,
        }
    )


def test_a_rule_is_set_up_and_its_report_waited_for_with_the_same_parts(cos):
    result = make_rule(prefix="logs/", included_object_versions="All").execute(make_context())
    assert json.loads(json.dumps(result)) == result
    delivered = cos.deliver_rule(SOURCE, "daily")
    sensor = COSInventorySensor(
        task_id="wait",
        bucket=SOURCE,
        inventory_id="daily",
        destination_bucket=DESTINATION,
        destination_prefix="rules/",
        date=delivered["date"],
        poke_interval=0.05,
        timeout=20,
    )
    manifest = run_task(lambda: deepcopy(sensor), make_context()).result
    assert manifest["matched_objects"] == 1
    assert manifest["manifest_key"].startswith(result["report_prefix"])
    assert "VersionId" in manifest["columns"]


def test_putting_a_rule_again_changes_it(cos):
    make_rule().execute(make_context())
    make_rule(frequency="Monthly", monthly_date=3, is_enabled=False).execute(make_context())
    (rule,) = COSInventoryHook().list_rules(bucket=SOURCE)
    assert (rule.schedule.frequency, rule.schedule.monthly_date, rule.is_enabled) == ("Monthly", 3, False)


def test_a_destination_that_does_not_exist_is_found_before_the_put(cos):
    with pytest.raises(AirflowFailException, match="tells nobody when it cannot"):
        make_rule(destination_bucket="missing-1250000000").execute(make_context())
    cos.fault(method="HEAD", status=403)
    make_rule(preflight=False).execute(make_context())
    assert cos.faults()[0]["seen"] == 0


def test_deleting_a_rule_twice_is_no_error(cos):
    make_rule().execute(make_context())
    delete = COSInventoryDeleteRuleOperator(task_id="delete", bucket=SOURCE, inventory_id="daily")
    delete.execute(make_context())
    delete.execute(make_context())
    assert list(COSInventoryHook().list_rules(bucket=SOURCE)) == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("frequency", "Hourly"),
        ("monthly_date", 3),
        ("inventory_id", "a b"),
        ("bucket", "b"),
        ("optional_fields", ["X"]),
    ],
)
def test_a_wrong_value_fails_before_any_request_and_names_the_parameter(cos, parameter, value):
    cos.fault(status=500)
    with pytest.raises(AirflowFailException) as raised:
        make_rule(**{parameter: value}).execute(make_context())
    assert raised.value.__cause__.parameter == parameter
    assert cos.faults()[0]["seen"] == 0
