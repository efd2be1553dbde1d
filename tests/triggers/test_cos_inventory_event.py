# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pydoc import locate

import pytest
from airflow.sdk import Variable

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.triggers import cos_inventory_event
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger
from tests.conftest import DESTINATION, SOURCE

DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Airflow's Variables, which without a triggerer are in no database."""
    kept = {}
    monkeypatch.setattr(Variable, "get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(Variable, "set", lambda key, value, **_: kept.update({key: value}))
    monkeypatch.setattr(cos_inventory_event, "_UNTIL_STORED", 0.05)
    return kept


@pytest.fixture
def rule(cos):
    """Sets the periodic inventory up and lets it deliver, so many days from now."""
    COSInventoryHook().put_rule(
        bucket=SOURCE,
        configuration=InventoryConfiguration(
            inventory_id="daily",
            destination=Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="inv"),
            schedule=Schedule(frequency="Daily"),
        ),
    )

    def deliver(days):
        cos.set_clock_offset(days * DAY)
        try:
            return cos.deliver_rule(SOURCE, "daily")["date"]
        finally:
            cos.set_clock_offset(0)

    return deliver


def make_trigger(**parameters):
    return COSInventoryEventTrigger(
        **{
            "bucket": SOURCE,
            "inventory_id": "daily",
            "destination_bucket": DESTINATION,
            "destination_prefix": "inv",
            "poke_interval": 0.05,
            **parameters,
        }
    )


def watch(trigger, *, seconds=2.0, at_event=lambda: None):
    """The payloads that a triggerer gets within some seconds."""
    payloads = []

    async def listen():
        async with aclosing(trigger.run()) as events:
            async for event in events:
                payloads.append(json.loads(json.dumps(event.payload)))
                at_event()

    async def stop():
        task = asyncio.create_task(listen())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stop())
    return payloads


def dates(payloads):
    return [payload["date"] for payload in payloads]


def test_every_argument_is_serialised_under_its_own_name():
    arguments = {
        "bucket": SOURCE,
        "inventory_id": "daily",
        "destination_bucket": DESTINATION,
        "destination_prefix": "inv",
        "region": "ap-guangzhou",
        "cos_conn_id": "mine",
        "poke_interval": 5.0,
        "since": "20261101",
        "watermark": "mine",
    }
    classpath, found = COSInventoryEventTrigger(**arguments).serialize()
    assert found == arguments
    assert locate(classpath) is COSInventoryEventTrigger


def test_what_is_there_at_the_first_start_is_not_new(rule):
    rule(0)
    assert watch(make_trigger()) == []


def test_what_is_delivered_while_it_does_not_run_is_announced_once(rule):
    rule(0)
    watch(make_trigger())
    late = [rule(1), rule(2)]
    assert dates(watch(make_trigger())) == late
    assert watch(make_trigger()) == []


def test_an_event_says_which_report_it_is(rule):
    watch(make_trigger())
    date = rule(0)
    (payload,) = watch(make_trigger())
    manifest = COSInventoryHook().read_manifest(
        bucket=payload["bucket"], manifest_key=payload["manifest_key"], checksum=payload["checksum"]
    )
    assert manifest.matched_objects == payload["matched_objects"] == 3
    assert (payload["inventory_id"], payload["date"], payload["source_bucket"]) == ("daily", date, SOURCE)
    assert "files" not in payload


def test_since_makes_earlier_reports_new(rule):
    found = [rule(0), rule(1), rule(2)]
    assert dates(watch(make_trigger(since=found[1]))) == found[1:]


def test_a_triggerer_that_dies_before_airflow_has_stored_the_event_sends_it_again(rule, monkeypatch):
    watch(make_trigger())
    date = rule(0)
    with monkeypatch.context() as patch:
        patch.setattr(cos_inventory_event, "_UNTIL_STORED", 60.0)
        first = watch(make_trigger())
    again = watch(make_trigger())
    assert dates(first) == dates(again) == [date]
    assert first == again


def test_a_broken_report_keeps_none_of_the_others_back(cos, rule, caplog):
    watch(make_trigger())
    broken, whole = rule(1), rule(2)
    key = f"inv/1250000000/examplebucket/daily/{broken}/manifest.json"
    cos.put_object(DESTINATION, key, b"{}")
    assert dates(watch(make_trigger(), seconds=2.0)) == [whole]


def test_it_goes_on_once_cos_answers_again(cos, rule):
    watch(make_trigger())
    date = rule(0)
    cos.fault(action="GetBucket", status=403, code="AccessDenied", times=3)
    assert dates(watch(make_trigger())) == [date]


def test_a_refusal_is_logged_once_and_ends_nothing(cos, rule, capsys):
    cos.fault(action="GetBucket", status=403, code="AccessDenied")
    assert watch(make_trigger()) == []
    said = capsys.readouterr().out
    assert said.count("cannot be watched, trying again") == 1
    assert "name/cos:GetBucket" in said


def test_who_deletes_the_watermark_begins_anew_and_gets_no_flood(rule, variables):
    old = rule(0)
    trigger = make_trigger()
    watch(trigger)
    new = rule(1)
    assert dates(watch(trigger, at_event=variables.clear)) == [new]
    assert json.loads(variables[trigger.variable])["announced"] == [old, new]


def test_two_inventories_have_a_watermark_each_and_a_name_is_taken_as_it_is():
    names = {make_trigger(**parameters).variable for parameters in ({}, {"inventory_id": "x"}, {"bucket": DESTINATION})}
    assert len(names) == 3
    assert make_trigger(poke_interval=9).variable == make_trigger().variable
    assert make_trigger(watermark="mine").variable == "mine"


def test_a_variable_that_is_something_else_is_an_error_in_the_log(rule, variables, capsys):
    variables["mine"] = "no watermark"
    rule(0)
    assert watch(make_trigger(watermark="mine")) == []
    assert "Delete the Variable" in capsys.readouterr().out
    assert variables["mine"] == "no watermark"
