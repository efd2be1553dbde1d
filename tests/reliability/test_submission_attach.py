# SPDX-License-Identifier: Apache-2.0
"""Which report is that of an inventory to which ``on_duplicate="attach"`` attached: its id may be used every day."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, AirflowSensorTimeout
from airflow_provider_cosinv.operators import _submission as submission
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION
from tests.reliability.attempts import ATTACHED, SUBMITTED, attempt, make_operator, new_context, task
from tests.reliability.reports import put_report
from tests.support.tasks import run_task

MINE = {"inventory_id": "mine", "on_duplicate": "attach"}
POLL = 0.005


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, delivery=Delivery(polls=10**9))


def moment(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=timezone.utc)


# At noon in UTC the date is the same in China, at 20:00 it is the next day's there.
NOON, EVENING = moment(27, 12), moment(27, 20)
# When the task attaches, the reports that are there by their dates, and the date of the one that is the inventory's.
REPORTS = {
    "yesterdays-came-after-midnight": (NOON, {26: moment(27, 1)}, None),
    "yesterdays-came-after-midnight-in-china": (NOON, {26: moment(26, 17)}, None),
    "both-days": (NOON, {26: moment(27, 1), 27: moment(27, 2)}, 27),
    "todays-in-china-before-midnight-in-utc": (NOON, {26: moment(26, 12), 27: moment(26, 18)}, 27),
    "scan-of-yesterday-went-on": (NOON, {26: moment(27, 13)}, 26),
    "scan-of-two-days-ago-went-on": (EVENING, {26: moment(27, 21)}, 26),
    "yesterdays-in-china": (EVENING, {27: moment(27, 17)}, None),
    "both-days-in-china": (EVENING, {27: moment(27, 17), 28: moment(27, 18)}, 28),
    "yesterdays-in-china-came-after-it-attached": (EVENING, {27: moment(27, 21)}, 27),
    "tomorrows": (NOON, {27: moment(27, 11), 28: moment(28, 11)}, 27),
}


@pytest.fixture
def attach(cos, monkeypatch):
    """Attach at a moment to an inventory whose scan goes on; return the operator's parameters and its context."""

    def at(now):
        class Now(datetime):
            @classmethod
            def now(cls, tz=None):
                return now.astimezone(tz)

        assert attempt(new_context(**task(task_id="other")), **MINE).submitted == SUBMITTED
        monkeypatch.setattr(submission, "datetime", Now)
        return new_context()

    return at


@pytest.mark.parametrize(("now", "reports", "expected"), REPORTS.values(), ids=REPORTS)
def test_attached_wait_takes_the_newest_report_that_can_be_the_jobs(cos, attach, now, reports, expected):
    context = attach(now)
    for day, written in reports.items():
        put_report(cos, DESTINATION, date=f"202611{day}", written=written)
    attached = attempt(context, **MINE)
    assert attached.submitted == ATTACHED
    assert attached.job["attached_at"] == now.isoformat()
    sensor = COSInventorySensor(
        task_id="wait", job=attached.job, poke_interval=POLL, timeout=0.03 if expected is None else 60
    )
    if expected is None:
        with pytest.raises(AirflowSensorTimeout) as raised:
            run_task(lambda: deepcopy(sensor), new_context())
        (passed,) = reports
        assert f"older than the job: inv/1250000000/examplebucket/mine/202611{passed}/" in str(raised.value)
    else:
        found = run_task(lambda: deepcopy(sensor), new_context()).result
        assert f"/202611{expected}/" in found["manifest_key"]


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferrable"])
def test_attached_operator_passes_over_yesterdays_report(cos, attach, deferrable):
    context = attach(NOON)
    put_report(cos, DESTINATION, date="20261126", written=moment(27, 1))
    operator = make_operator(wait_for_completion=True, poll_interval=POLL, timeout=0.03, deferrable=deferrable, **MINE)
    with pytest.raises(AirflowFailException, match=r"older than the job: \S+/20261126/"):
        run_task(lambda: deepcopy(operator), context)


def test_retry_of_an_attached_wait_takes_the_same_report(cos, attach):
    context = attach(NOON)
    first = attempt(context, **MINE)
    put_report(cos, DESTINATION, date="20261126", written=NOON - timedelta(hours=1))
    assert attempt(context, **MINE).job == first.job
