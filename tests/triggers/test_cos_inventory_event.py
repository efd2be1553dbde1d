# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pydoc import locate

import pytest
import structlog
from airflow.sdk.execution_time.comms import GetVariable, PutVariable

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, InventoryFilter, Schedule
from airflow_provider_cosinv.inventory.report import search
from airflow_provider_cosinv.triggers import cos_inventory_event
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger
from tests.conftest import DESTINATION, SOURCE

# Airflow 3.1 warns of itself where a process that has a supervisor reads a connection from the environment.
pytestmark = pytest.mark.filterwarnings("ignore:Using Connection.from_json from `airflow.models`:DeprecationWarning")

DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def variables(supervisor, monkeypatch):
    """Airflow's Variables, by name."""
    monkeypatch.setattr(cos_inventory_event, "_UNTIL_STORED", 0.05)
    return supervisor.kept


@pytest.fixture
def rule(cos):
    """Sets the periodic inventory up and lets it deliver, so many days after the day before yesterday."""
    COSInventoryHook().put_rule(
        bucket=SOURCE,
        configuration=InventoryConfiguration(
            inventory_id="daily",
            destination=Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="inv"),
            schedule=Schedule(frequency="Daily"),
        ),
    )

    def deliver(days):
        cos.set_clock_offset((days - 2) * DAY)
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


def watch(trigger, *, at_event=lambda: None, until=None):
    """Run a trigger until something is so, or until it has looked twice; return the payloads of its events."""
    payloads = []
    looks = []
    read = trigger._read

    async def counted():
        looks.append(trigger)
        return await read()

    async def listen():
        async with aclosing(trigger.run()) as events:
            async for event in events:
                payloads.append(json.loads(json.dumps(event.payload)))
                at_event()

    # Each look begins with the watermark: when the third begins, the second is over.
    done = until or (lambda: len(looks) >= 3)

    async def stop():
        task = asyncio.create_task(listen())
        while not done():
            assert not task.done()
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    trigger._read = counted
    try:
        asyncio.run(stop())
    finally:
        trigger._read = read
    return payloads


def dates(payloads):
    return [payload["date"] for payload in payloads]


def begin(supervisor, trigger):
    """Run it until it has looked for the first time."""
    assert watch(trigger, until=lambda: trigger.variable in supervisor.kept) == []
    return trigger


def announced(variables, trigger):
    return json.loads(variables[trigger.variable])["announced"]


def is_read(request):
    return isinstance(request, GetVariable)


def archive(cos, date):
    """Do what a lifecycle rule does."""
    for name in ("manifest.checksum", "manifest.json"):
        key = f"inv/1250000000/examplebucket/daily/{date}/{name}"
        cos.put_object(DESTINATION, key, cos.get_object(DESTINATION, key), storage_class="ARCHIVE")


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
        found = []
        first = watch(make_trigger(), at_event=lambda: found.append(1), until=lambda: found)
    again = watch(make_trigger())
    assert dates(first) == dates(again) == [date]
    assert first == again


def test_report_whose_filter_matched_nothing_is_announced_with_a_warning(cos, rule):
    COSInventoryHook().put_rule(
        bucket=SOURCE,
        configuration=InventoryConfiguration(
            inventory_id="daily",
            destination=Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="inv"),
            filter=InventoryFilter(prefix="nothing-of-it/"),
            schedule=Schedule(frequency="Daily"),
        ),
    )
    watch(make_trigger())
    date = rule(0)
    with structlog.testing.capture_logs() as entries:
        assert dates(watch(make_trigger())) == [date]
    (warning,) = [entry for entry in entries if entry["log_level"] == "warning"]
    said = warning["event"] % warning.get("positional_args", ())
    assert said.startswith("The inventory's filter matched none of the 3 objects")


def test_a_broken_report_keeps_none_of_the_others_back(cos, rule, caplog):
    watch(make_trigger())
    broken, whole = rule(1), rule(2)
    key = f"inv/1250000000/examplebucket/daily/{broken}/manifest.json"
    cos.put_object(DESTINATION, key, b"{}")
    assert dates(watch(make_trigger())) == [whole]


def test_it_goes_on_once_cos_answers_again(cos, rule):
    watch(make_trigger())
    date = rule(0)
    cos.fault(action="GetBucket", status=403, code="AccessDenied", times=3)
    found = []
    assert dates(watch(make_trigger(), at_event=lambda: found.append(1), until=lambda: found)) == [date]


def test_a_refusal_is_logged_once_and_ends_nothing(cos, rule, capsys):
    cos.fault(action="GetBucket", status=403, code="AccessDenied", times=None)
    assert watch(make_trigger(), until=lambda: cos.faults()[0]["happened"] >= 3) == []
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


@pytest.mark.parametrize("since", [False, True])
@pytest.mark.parametrize("unread", [1, 2, 3])
def test_a_watermark_that_cannot_be_read_is_not_made_anew(rule, supervisor, variables, since, unread):
    old = rule(0)
    arguments = {"since": old} if since else {}
    first = make_trigger(**arguments)
    watch(first, until=lambda: old in json.loads(variables.get(first.variable, "{}")).get("announced", ()))
    new = rule(1)
    supervisor.fails = lambda request: is_read(request) and supervisor.failed < unread
    trigger = make_trigger(**arguments)
    found = watch(trigger, until=lambda: announced(variables, trigger) == [old, new])
    assert dates(found) == [new]
    assert supervisor.failed == unread


def test_while_airflow_does_not_answer_nothing_begins_and_that_is_said_once(rule, supervisor, variables, capsys):
    rule(0)
    trigger = begin(supervisor, make_trigger())
    before = dict(variables)
    rule(1)
    supervisor.fails = is_read
    assert watch(make_trigger(), until=lambda: supervisor.failed >= 5) == []
    assert variables[trigger.variable] == before[trigger.variable]
    assert capsys.readouterr().out.count("cannot be watched, trying again") == 1


@pytest.mark.parametrize("kind", [GetVariable, PutVariable])
def test_what_airflow_did_not_keep_at_once_is_announced_once(rule, supervisor, variables, kind):
    trigger = begin(supervisor, make_trigger(since="20200101"))
    date = rule(0)

    def at_event():
        supervisor.fails = lambda request: isinstance(request, kind) and supervisor.failed < 3

    found = watch(trigger, at_event=at_event, until=lambda: date in announced(variables, trigger))
    assert supervisor.failed == 3
    assert dates(found + watch(trigger)) == [date]


def test_reports_that_were_archived_before_the_first_start_are_not_new(cos, rule, supervisor, variables, capsys):
    archived, ready = rule(0), rule(1)
    archive(cos, archived)
    trigger = begin(supervisor, make_trigger())
    assert announced(variables, trigger) == [archived, ready]
    said = capsys.readouterr().out
    assert said.count("is passed over") == 1
    assert f"daily/{archived}/manifest.checksum, code: InvalidObjectState, status: 403, request id: " in said


def test_an_archived_report_keeps_none_of_the_others_back_and_is_announced_once_restored(cos, rule, supervisor):
    trigger = begin(supervisor, make_trigger())
    archived, ready = rule(0), rule(1)
    archive(cos, archived)
    found = []
    assert dates(watch(trigger, at_event=lambda: found.append(1), until=lambda: found)) == [ready]
    assert rule(0) == archived
    assert dates(watch(trigger, at_event=lambda: found.append(2), until=lambda: 2 in found)) == [archived]


def test_cos_may_name_the_reason_in_the_message_alone(cos, rule, supervisor):
    trigger = begin(supervisor, make_trigger())
    archived, ready = rule(0), rule(1)
    cos.fault(key=archived, status=403, code="AccessDenied", message="InvalidObjectState: restore it", times=None)
    found = []
    assert dates(watch(trigger, at_event=lambda: found.append(1), until=lambda: found)) == [ready]


def test_a_manifest_larger_than_any_keeps_none_of_the_others_back(cos, rule, supervisor, monkeypatch):
    trigger = begin(supervisor, make_trigger())
    monkeypatch.setattr(search, "MANIFEST_MAX_BYTES", 4096)
    huge, ready = rule(0), rule(1)
    cos.put_object(DESTINATION, f"inv/1250000000/examplebucket/daily/{huge}/manifest.json", b" " * 5000)
    found = []
    assert dates(watch(trigger, at_event=lambda: found.append(1), until=lambda: found)) == [ready]


def test_no_report_is_passed_over_because_none_may_be_read(cos, rule, supervisor, variables, capsys):
    rule(0)
    cos.fault(action="GetObject", status=403, code="AccessDenied", times=None)
    trigger = make_trigger()
    assert watch(trigger, until=lambda: cos.faults()[0]["happened"] >= 2) == []
    assert trigger.variable not in variables
    said = capsys.readouterr().out
    assert "cannot be watched, trying again" in said
    assert "passed over" not in said
