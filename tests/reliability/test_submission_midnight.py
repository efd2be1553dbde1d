# SPDX-License-Identifier: Apache-2.0
"""A lost answer before midnight and a retry after it: COS takes an id again on the next day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryPermissionError, COSInventoryUnansweredError
from airflow_provider_cosinv.operators import _submission as submission
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    ATTACHED,
    POST,
    SUBMITTED,
    attempt,
    each_airflow,
    new_context,
    old_context,
    record_pauses,
    task,
)

KEY = "cos_inventory_job"
CLOSED = "closedbucket-1250000000"
# At each moment, the date of the second is a later one than that of the first.
WEST, EAST = "-12:00", timezone(timedelta(hours=14))


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, report_timezone=WEST, check_destination=False)


def yesterday() -> datetime:
    return datetime.now(timezone.utc) - timedelta(days=1)


def of_yesterday(context):
    """The context of a run that began yesterday."""
    return {**context, "dag_run": SimpleNamespace(start_date=yesterday())}


def submit_before_midnight(cos, monkeypatch, context, **parameters):
    """COS accepts, nobody learns of it, and then its day changes."""
    record_pauses(monkeypatch)
    cos.fault(action=POST, reset="after")
    cos.fault(action=POST, reset="before", times=4)
    assert type(attempt(context, **parameters).error) is COSInventoryUnansweredError
    assert cos.accepted_posts(SOURCE) == 1
    if store := context.get("task_state_store"):
        store.set(KEY, {**store.get(KEY), "began": yesterday().isoformat()})
    cos._emulation.jobs._zone = EAST


@each_airflow
def test_a_report_that_is_there_is_attached_to(cos, monkeypatch, make):
    context = of_yesterday(make())
    submit_before_midnight(cos, monkeypatch, context)
    retried = attempt(context)
    assert retried.submitted == ATTACHED
    assert any("its report is there" in line for line in retried.log)
    assert attempt(context).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


class TestAScanThatGoesOn:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, report_timezone=WEST, delivery=Delivery(polls=10**9))

    @each_airflow
    def test_it_is_attached_to_because_cos_still_refuses_its_id(self, cos, monkeypatch, make):
        context = of_yesterday(make())
        submit_before_midnight(cos, monkeypatch, context)
        assert attempt(context).submitted == ATTACHED
        assert cos.accepted_posts(SOURCE) == 1


def test_a_report_that_never_came_is_asked_for_again_with_a_warning(cos, monkeypatch):
    cos.create_bucket(CLOSED, accepts_reports=False)
    context = of_yesterday(new_context())
    submit_before_midnight(cos, monkeypatch, context, destination_bucket=CLOSED)
    retried = attempt(context, destination_bucket=CLOSED)
    assert retried.submitted == SUBMITTED
    assert any("submitting it again, perhaps for a second time" in line for line in retried.log)
    assert cos.accepted_posts(SOURCE) == 2


def test_a_worker_whose_clock_is_ahead_may_have_been_answered_on_the_day_before(cos, monkeypatch):
    midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)

    class TenPastMidnight(datetime):
        @classmethod
        def now(cls, tz=None):
            return (midnight + timedelta(minutes=10)).astimezone(tz)

    context = of_yesterday(new_context())
    submit_before_midnight(cos, monkeypatch, context)
    store = context["task_state_store"]
    store.set(KEY, {**store.get(KEY), "began": (midnight + timedelta(minutes=5)).isoformat()})
    monkeypatch.setattr(submission, "datetime", TenPastMidnight)
    assert attempt(context).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


def forbid_to_read(cos, monkeypatch):
    cos.add_credential(secret_id="AKIDwriter", secret_key="writerwriter", deny=["cos:GetObject"])
    cos.secret_id, cos._secret_key = "AKIDwriter", "writerwriter"
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)


def test_where_the_report_may_not_be_read_the_task_fails_rather_than_submit_twice(cos, monkeypatch):
    context = of_yesterday(new_context())
    submit_before_midnight(cos, monkeypatch, context)
    forbid_to_read(cos, monkeypatch)
    retried = attempt(context)
    assert isinstance(retried.error, COSInventoryPermissionError)
    assert retried.is_final
    assert "name/cos:GetObject" in retried.error.hint
    assert cos.accepted_posts(SOURCE) == 1


@each_airflow
def test_a_first_attempt_needs_no_permission_to_read_reports(cos, monkeypatch, make):
    forbid_to_read(cos, monkeypatch)
    assert attempt(of_yesterday(make())).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1


def test_a_report_of_yesterday_under_a_chosen_id_is_not_taken_for_its_own(cos):
    assert attempt(old_context(**task(task_id="other")), inventory_id="daily").submitted == SUBMITTED
    cos._emulation.jobs._zone = EAST
    assert attempt(of_yesterday(old_context()), inventory_id="daily").submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 2
