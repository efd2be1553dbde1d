# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import time
from copy import deepcopy
from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk import Asset

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryTimeoutError, COSInventoryTransientError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, TaskDeferred
from airflow_provider_cosinv.operators._inventory_parameters import build_configuration
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context, run_task


def make_operator(**parameters):
    return COSInventoryOperator(
        **{
            "task_id": "submit",
            "bucket": SOURCE,
            "destination_bucket": DESTINATION,
            "destination_prefix": "inv",
            "poll_interval": 0.05,
            **parameters,
        }
    )


def defer(operator):
    """Let a task submit and defer itself; return its context."""
    context = make_context()
    with pytest.raises(TaskDeferred):
        deepcopy(operator).execute(context)
    return context


def test_the_result_is_the_job_and_json(cos):
    job = make_operator().execute(make_context())
    assert json.loads(json.dumps(job)) == job
    assert set(job) == {
        "job_id",
        "inventory_id",
        "bucket",
        "region",
        "destination_bucket",
        "report_prefix",
        "submitted_at",
        "attached",
        "attached_at",
    }
    (accepted,) = cos.jobs()
    assert job["job_id"] == accepted["job_id"]
    assert job["inventory_id"] == accepted["inventory_id"]
    assert job["report_prefix"] == f"inv/1250000000/examplebucket/{job['inventory_id']}"
    assert job["attached"] is False
    assert datetime.fromisoformat(job["submitted_at"]).tzinfo is not None


def test_each_key_of_the_result_is_an_xcom_of_its_own():
    assert make_operator().multiple_outputs is True


def test_the_derived_id_is_readable_and_within_cos_limits(cos):
    job = make_operator().execute(make_context(ti=TaskInstance(dag_id="每日 sales", task_id="group.submit")))
    assert re.fullmatch(r"sales\.group-submit-[a-z2-7]{20}", job["inventory_id"])


def test_an_attached_job_finds_its_report(cos):
    make_operator().execute(make_context(task_state_store=None))
    run = run_task(lambda: make_operator(wait_for_completion=True, timeout=20), make_context(task_state_store=None))
    assert run.result["attached"] is True
    assert run.result["manifest"]["matched_objects"] == 3


def test_a_chosen_id_that_is_taken_is_attached_to_where_asked(cos):
    make_operator(inventory_id="mine").execute(make_context(task_state_store=None))
    again = make_operator(inventory_id="mine", on_duplicate="attach", wait_for_completion=True, timeout=20)
    job = run_task(lambda: deepcopy(again), make_context(task_state_store=None)).result
    assert job["attached"] is True
    assert job["manifest"]["matched_objects"] == 3
    assert cos.accepted_posts(SOURCE) == 1


def test_a_report_is_found_though_the_workers_clock_is_ahead(cos):
    cos.set_clock_offset(-600)
    cos.fault(action="PostBucketInventory", reset="after", times=1)
    operator = make_operator(wait_for_completion=True, timeout=20)
    assert run_task(lambda: deepcopy(operator), make_context()).result["attached"] is True


def test_outlets_get_an_event_after_a_wait(cos):
    asset = Asset(f"cos://{DESTINATION}/inv")
    context = make_context()
    operator = make_operator(wait_for_completion=True, timeout=20, outlets=[asset])
    job = run_task(lambda: deepcopy(operator), context).result
    assert context["outlet_events"][asset].extra["manifest_key"] == job["manifest"]["manifest_key"]


def test_no_xcom_is_pushed_where_none_is_wanted(cos):
    context = make_context()
    make_operator(wait_for_completion=True, timeout=20, do_xcom_push=False).execute(context)
    assert context["ti"].pushed == {}


def test_slashes_around_the_destination_prefix_are_not_sent(cos):
    # What COS makes of them is not documented.
    asked = build_configuration(make_operator(destination_prefix="/inv/daily/"), inventory_id="x")
    assert asked.destination.prefix == "inv/daily"


def test_durable_false_leaves_the_state_store_alone(cos):
    context = make_context()
    make_operator(durable=False).execute(context)
    assert context["task_state_store"].values == {}


@pytest.mark.parametrize("deferrable", [False, True])
def test_waiting_adds_the_manifest_to_the_same_result(cos, deferrable):
    context = make_context()
    run = run_task(lambda: make_operator(wait_for_completion=True, deferrable=deferrable, timeout=20), context)
    assert set(run.result) >= {"job_id", "inventory_id", "manifest"}
    assert run.result["manifest"]["matched_objects"] == 3
    assert context["ti"].pushed["job_id"] == run.result["job_id"]


class TestSlowDelivery:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=3))

    @pytest.mark.parametrize(("deferrable", "deferrals"), [(False, 0), (True, 1)])
    def test_it_waits_as_long_as_it_takes(self, cos, deferrable, deferrals):
        operator = make_operator(wait_for_completion=True, deferrable=deferrable, timeout=20)
        run = run_task(lambda: deepcopy(operator), make_context())
        assert run.deferrals == deferrals
        assert run.result["manifest"]["matched_objects"] == 3

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_time_out_says_what_to_check(self, cos, deferrable):
        operator = make_operator(wait_for_completion=True, deferrable=deferrable, timeout=0.01, poll_interval=0.005)
        with pytest.raises(AirflowFailException, match="COS_QcsRole") as raised:
            run_task(lambda: deepcopy(operator), make_context())
        assert isinstance(raised.value.__cause__, COSInventoryTimeoutError)
        assert "clear the task that submits" in str(raised.value)
        assert "rule" not in raised.value.__cause__.hint.replace("lifecycle rules", "")

    def test_airflows_own_limit_is_later_and_execution_timeout_counts(self, cos):
        operator = make_operator(
            wait_for_completion=True,
            deferrable=True,
            timeout=timedelta(hours=1),
            execution_timeout=timedelta(minutes=1),
        )
        with pytest.raises(TaskDeferred) as raised:
            operator.execute(make_context())
        assert timedelta(seconds=359) < raised.value.timeout <= timedelta(seconds=360)
        assert raised.value.trigger.deadline == pytest.approx(time.time() + 60, abs=5)

    @pytest.mark.parametrize("do_xcom_push", [True, False])
    def test_a_triggerer_that_does_not_answer_is_a_time_out_that_says_so(self, cos, do_xcom_push):
        operator = make_operator(wait_for_completion=True, deferrable=True, do_xcom_push=do_xcom_push)
        context = defer(operator)
        with pytest.raises(AirflowFailException, match="triggerer is running") as raised:
            deepcopy(operator).resume_execution("__fail__", {"error": "Trigger timeout"}, context)
        assert isinstance(raised.value.__cause__, COSInventoryTimeoutError)

    def test_a_report_that_came_while_no_triggerer_ran_is_found(self, cos):
        asset = Asset(f"cos://{DESTINATION}/inv")
        operator = make_operator(wait_for_completion=True, deferrable=True, outlets=[asset])
        context = defer(operator)
        (job,) = cos.jobs()
        cos.deliver_job(job["job_id"])
        result = deepcopy(operator).resume_execution("__fail__", {"error": "Trigger timeout"}, context)
        assert (result["job_id"], result["manifest"]["matched_objects"]) == (job["job_id"], 3)
        assert context["outlet_events"][asset].extra["job_id"] == job["job_id"]
        assert cos.accepted_posts(SOURCE) == 1


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("bucket", "examplebucket"),
        ("destination_bucket", "Inventory-1250000000"),
        ("prefix", 2026.1),
        ("tags", ["age"]),
        ("tags", "age=18"),
        ("storage_classes", "STANDARD"),
        ("created_after", "yesterday"),
        ("created_after", b"2026-01-31T00:00:00Z"),
        ("created_before", "2026-01-31T00:00:00"),
        ("included_object_versions", "Latest"),
        ("optional_fields", ["Sizes"]),
        ("optional_fields", "Size"),
        ("encryption", "AES256"),
        ("account_id", "me"),
        ("inventory_id", "a b"),
        ("on_duplicate", "ignore"),
        ("region", "guangzhou"),
        ("tags", {"age": None}),
        ("destination_prefix", True),
        ("timeout", "5m"),
        ("timeout", -4),
        ("timeout", None),
        ("poll_interval", "60"),
        ("poll_interval", 0),
        ("poll_interval", timedelta(seconds=-5)),
    ],
)
def test_a_wrong_value_fails_before_any_request_and_names_the_parameter(cos, parameter, value):
    cos.fault(status=500)  # seen by any request
    with pytest.raises(AirflowFailException) as raised:
        make_operator(**{parameter: value}).execute(make_context())
    assert raised.value.__cause__.parameter == parameter
    assert cos.faults()[0]["seen"] == 0


@pytest.mark.parametrize(
    ("parameter", "value", "what"),
    [
        ("optional_fields", "Size", 'a list, such as ["Size"]'),
        ("storage_classes", "STANDARD", 'a list, such as ["STANDARD"]'),
        ("tags", "age=18", 'a mapping, such as {"team": "data"}'),
    ],
)
def test_text_that_is_no_json_is_told_with_what_to_give(cos, parameter, value, what):
    with pytest.raises(AirflowFailException) as raised:
        make_operator(**{parameter: value}).execute(make_context())
    assert raised.value.__cause__.hint == f"Give {what}, or {{{{ params.{parameter} | tojson }}}} in a template."


def test_a_connection_that_is_not_found_is_told_before_any_request_and_left_to_the_retries(cos):
    cos.fault(status=500)  # seen by any request
    with pytest.raises(COSInventoryTransientError, match="There is no connection 'nowhere'"):
        make_operator(cos_conn_id="nowhere").execute(make_context())
    assert cos.faults()[0]["seen"] == 0


@pytest.mark.parametrize("nothing", [None, "", "null"])
def test_optional_fields_that_a_template_leaves_empty_are_every_standard_one(cos, nothing):
    assert len(build_configuration(make_operator(optional_fields=nothing), inventory_id="x").optional_fields) == 8


def test_templates_may_write_lists_and_mappings_as_json(cos):
    operator = make_operator(optional_fields='["Size", "Tag"]', tags='{"age": "18"}')
    assert operator.execute(make_context())["job_id"]


def test_every_parameter_of_the_report_arrives_at_cos(cos):
    operator = make_operator(
        wait_for_completion=True,
        prefix="logs/",
        tags={"age": "18"},
        storage_classes=["STANDARD"],
        created_after=datetime(2020, 1, 1, tzinfo=timezone.utc),
        created_before="2099-01-01T00:00:00Z",
        optional_fields=["ETag", "Tag", "Size"],
        encryption="SSE-COS",
        account_id="100000000001",
        destination_prefix="/inv/daily/",
        timeout=20,
    )
    job = run_task(lambda: deepcopy(operator), make_context()).result
    assert job["manifest"]["columns"] == ["Appid", "Bucket", "Key", "ETag", "Tag", "Size"]
    assert job["manifest"]["matched_objects"] == 1
    assert job["manifest"]["listed_objects"] == 3
    assert job["report_prefix"].startswith("inv/daily/1250000000/")


def test_everything_that_people_template_is_a_template_field():
    assert {"cos_conn_id", "region", "bucket", "inventory_id", "optional_fields", "tags"} <= set(
        COSInventoryOperator.template_fields
    )
    for name in COSInventoryOperator.template_fields:
        assert hasattr(make_operator(), name)


def test_a_worker_that_cannot_read_what_the_triggerer_sees_ends_with_the_time(cos, impatient_retries):
    done = make_operator(wait_for_completion=True, poll_interval=0.05).execute(make_context())
    manifest = done.pop("manifest")
    cos.fault(method="GET", status=500, times=None)
    event = {"outcome": "found", "deadline": time.time() - 1, "job": done}
    event |= {name: manifest[name] for name in ("manifest_key", "checksum")}
    operator = make_operator(wait_for_completion=True, deferrable=True)
    with pytest.raises(AirflowFailException, match="last seen: no answer"):
        operator.resume_execution("execute_complete", {"event": event}, make_context())
