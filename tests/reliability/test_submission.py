# SPDX-License-Identifier: Apache-2.0
"""A submission whose answer is lost, or that COS puts off: one inventory, whichever try or attempt learns of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from tenacity import nap

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryPermissionError,
    COSInventoryThrottledError,
    COSInventoryUnansweredError,
)
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    ATTACHED,
    ATTACHED_WITH_JOB_ID,
    POST,
    SUBMITTED,
    attempt,
    connect,
    count_posts,
    each_airflow,
    make_operator,
    new_context,
    old_context,
    record_pauses,
    task,
)

TRIES = 5
THROTTLED_TRIES = 10

IN_DOUBT = (
    "Whether COS has accepted the inventory is not known; sending it again under the same id cannot start a second one."
)
# What the emulator answers, once it has done what was asked, or before.
NO_ANSWERS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "500-InternalError": {"status": 500, "code": "InternalError"},
    "502-html": {"status": 502, "body": "<html>Bad gateway</html>"},
    "503": {"status": 503},
    "503-ServiceUnavailable": {"status": 503, "code": "ServiceUnavailable"},
    "504": {"status": 504},
}
LOST = {
    "reset": ({"reset": "after"}, {"reset": "before"}),
    **{name: ({**answer, "handle": True}, answer) for name, answer in NO_ANSWERS.items()},
}
each_loss = pytest.mark.parametrize(("after", "before"), list(LOST.values()), ids=list(LOST))


class TestALostAnswer:
    @each_airflow
    @each_loss
    def test_the_next_try_of_the_call_finds_the_inventory(self, cos, monkeypatch, caplog, make, after, before):
        record_pauses(monkeypatch)
        context, posts = make(), count_posts(cos)
        cos.fault(action=POST, **after)
        first = attempt(context)
        assert first.submitted == ATTACHED
        assert (cos.accepted_posts(SOURCE), posts()) == (1, 2)
        assert "earlier try of this call, whose answer was lost; so its JobId is not known" in caplog.text
        assert any("its JobId is not known" in line for line in first.log)
        again = attempt(context)
        assert again.submitted == ATTACHED
        assert again.job["inventory_id"] == first.job["inventory_id"]
        assert cos.accepted_posts(SOURCE) == 1

    @each_airflow
    @each_loss
    def test_the_retry_of_the_task_attaches_where_no_try_is_answered(self, cos, monkeypatch, make, after, before):
        pauses = record_pauses(monkeypatch)
        context, posts = make(), count_posts(cos)
        cos.fault(action=POST, **after)
        cos.fault(action=POST, times=TRIES - 1, **before)
        lost = attempt(context)
        assert type(lost.error) is COSInventoryUnansweredError
        assert not lost.is_final
        assert (lost.error.status, lost.error.code) == (before.get("status"), before.get("code"))
        assert bool(lost.error.request_id) == ("status" in before)
        assert str(lost.error).endswith(IN_DOUBT)
        assert (cos.accepted_posts(SOURCE), posts(), len(pauses)) == (1, TRIES, TRIES - 1)
        retried = attempt(context)
        assert retried.submitted == ATTACHED
        assert retried.job["inventory_id"] == cos.jobs()[0]["inventory_id"]
        assert any(line.startswith("Attached to the inventory") for line in retried.log)
        assert cos.accepted_posts(SOURCE) == 1

    @each_airflow
    @pytest.mark.parametrize("before", [{"reset": "before"}, {"status": 503}], ids=["reset", "503"])
    def test_what_never_arrived_is_submitted_by_the_retry_with_its_job_id(self, cos, monkeypatch, make, before):
        record_pauses(monkeypatch)
        context = make()
        cos.fault(action=POST, times=TRIES, **before)
        assert type(attempt(context).error) is COSInventoryUnansweredError
        assert cos.accepted_posts(SOURCE) == 0
        assert attempt(context).submitted == SUBMITTED
        assert attempt(context).submitted[0] is True
        assert cos.accepted_posts(SOURCE) == 1

    def test_a_refusal_after_it_tells_that_cos_may_have_accepted(self, cos, monkeypatch):
        record_pauses(monkeypatch)
        cos.fault(action=POST, reset="after")
        cos.fault(action=POST, status=400, code="ExpiredToken")
        refused = attempt(new_context())
        assert isinstance(refused.error, COSInventoryPermissionError)
        assert refused.is_final
        assert "renew SecretId" in str(refused.error)
        assert str(refused.error).endswith(IN_DOUBT)
        assert cos.accepted_posts(SOURCE) == 1

    def test_an_answer_of_a_gateway_after_it_tells_it_once(self, cos, monkeypatch):
        record_pauses(monkeypatch)
        cos.fault(action=POST, reset="after")
        cos.fault(action=POST, body="<html>Log in</html>", headers={"x-cos-request-id": ""})
        failed = attempt(new_context())
        assert failed.is_final
        assert "not one of COS" in failed.error.message
        assert str(failed.error).count(IN_DOUBT) == 1
        assert cos.accepted_posts(SOURCE) == 1


class TestATimeOut:
    # Longer than any of these tests; the emulator lets go of such requests when it stops.
    LATE = 300

    @each_airflow
    def test_the_next_try_of_the_call_finds_the_inventory(self, cos, monkeypatch, make):
        record_pauses(monkeypatch)
        connect(monkeypatch, cos, timeout=2)
        context, posts = make(), count_posts(cos)
        cos.fault(action=POST, delay_after=self.LATE)
        assert attempt(context).submitted == ATTACHED
        assert (cos.accepted_posts(SOURCE), posts()) == (1, 2)
        assert attempt(context).submitted == ATTACHED
        assert cos.accepted_posts(SOURCE) == 1

    @each_airflow
    def test_the_retry_of_the_task_attaches_where_no_try_is_answered(self, cos, monkeypatch, make):
        record_pauses(monkeypatch)
        connect(monkeypatch, cos, timeout=2)
        context = make()
        cos.fault(action=POST, times=TRIES - 1, reset="before")
        cos.fault(action=POST, delay_after=self.LATE)
        lost = attempt(context)
        assert type(lost.error) is COSInventoryUnansweredError
        assert not lost.is_final
        assert "nothing came within 2 seconds" in lost.error.message
        assert "raise timeout in the connection" in str(lost.error)
        assert str(lost.error).endswith(IN_DOUBT)
        assert cos.accepted_posts(SOURCE) == 1
        assert attempt(context).submitted == ATTACHED
        assert cos.accepted_posts(SOURCE) == 1


class TestALostAnswerForAChosenId:
    @pytest.fixture
    def emulator_settings(self):
        # In the minutes before midnight a retry looks for the report first: there is none yet, so that it asks COS.
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=3600))

    @each_loss
    def test_the_retry_knows_from_the_state_store_that_the_id_is_its_own(self, cos, monkeypatch, after, before):
        record_pauses(monkeypatch)
        context = new_context()
        cos.fault(action=POST, **after)
        cos.fault(action=POST, times=TRIES - 1, **before)
        assert type(attempt(context, inventory_id="mine").error) is COSInventoryUnansweredError
        retried = attempt(context, inventory_id="mine")
        assert retried.submitted == ATTACHED
        assert retried.job["inventory_id"] == "mine"
        assert any("asking COS under the same id" in line for line in retried.log)
        assert cos.accepted_posts(SOURCE) == 1

    def test_without_a_state_store_the_retry_cannot_know_it_and_says_what_to_do(self, cos, monkeypatch):
        record_pauses(monkeypatch)
        context = old_context()
        cos.fault(action=POST, reset="after")
        cos.fault(action=POST, times=TRIES - 1, reset="before")
        assert type(attempt(context, inventory_id="mine").error) is COSInventoryUnansweredError
        retried = attempt(context, inventory_id="mine")
        assert isinstance(retried.error, COSInventoryDuplicateError)
        assert retried.is_final
        assert 'on_duplicate="attach"' in str(retried.error)
        assert attempt(context, inventory_id="mine", on_duplicate="attach").submitted == ATTACHED
        assert cos.accepted_posts(SOURCE) == 1


def test_two_workers_that_hold_the_same_task_submit_once(cos):
    # The first has lost its heartbeat, not its life.
    contexts = [new_context()] * 2
    start = Barrier(2)

    def work(context):
        start.wait()
        return make_operator().execute(context)

    with ThreadPoolExecutor(2) as workers:
        jobs = list(workers.map(work, contexts))
    assert sorted(job["attached"] for job in jobs) == [False, True]
    assert len({job["inventory_id"] for job in jobs}) == 1
    assert cos.accepted_posts(SOURCE) == 1


THROTTLED = {"503-SlowDown": {"status": 503, "code": "SlowDown"}, "429": {"status": 429}}
each_throttling = pytest.mark.parametrize("throttled", THROTTLED.values(), ids=THROTTLED)


class TestThrottling:
    @each_airflow
    @each_throttling
    def test_it_is_waited_out_with_growing_pauses_and_jitter(self, cos, monkeypatch, make, throttled):
        pauses = record_pauses(monkeypatch)
        posts = count_posts(cos)
        cos.fault(action=POST, times=THROTTLED_TRIES - 1, **throttled)
        context = make()
        assert attempt(context).submitted == SUBMITTED
        assert (cos.accepted_posts(SOURCE), posts()) == (1, THROTTLED_TRIES)
        limits = [min(2.0**number, 20) for number in range(THROTTLED_TRIES - 1)]
        assert len(pauses) == len(limits)
        assert all(0.25 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))
        assert len(set(pauses)) > 1
        assert attempt(context).submitted[0] is True
        assert cos.accepted_posts(SOURCE) == 1

    @each_airflow
    @each_throttling
    @pytest.mark.parametrize("chosen", [None, "mine"])
    def test_where_it_lasts_the_retry_of_the_task_submits(self, cos, monkeypatch, make, throttled, chosen):
        record_pauses(monkeypatch)
        posts = count_posts(cos)
        cos.fault(action=POST, times=THROTTLED_TRIES, **throttled)
        context = make()
        turned_away = attempt(context, inventory_id=chosen)
        assert type(turned_away.error) is COSInventoryThrottledError
        assert not turned_away.is_final
        assert (turned_away.error.status, turned_away.error.code) == (throttled["status"], throttled.get("code"))
        assert turned_away.error.request_id
        assert "one a second and bucket" in str(turned_away.error)
        assert IN_DOUBT not in str(turned_away.error)
        assert (cos.accepted_posts(SOURCE), posts()) == (0, THROTTLED_TRIES)
        assert attempt(context, inventory_id=chosen).submitted == SUBMITTED
        assert cos.accepted_posts(SOURCE) == 1

    def test_a_chosen_id_that_another_took_meanwhile_is_not_taken_for_its_own(self, cos, monkeypatch):
        record_pauses(monkeypatch)
        context = new_context()
        cos.fault(action=POST, status=503, code="SlowDown", times=THROTTLED_TRIES)
        assert type(attempt(context, inventory_id="mine").error) is COSInventoryThrottledError
        assert attempt(new_context(**task(task_id="other")), inventory_id="mine").submitted == SUBMITTED
        refused = attempt(context, inventory_id="mine")
        assert isinstance(refused.error, COSInventoryDuplicateError)
        assert refused.is_final
        assert "was used before" in refused.error.message
        assert cos.accepted_posts(SOURCE) == 1


class TestTheRealLimit:
    TASKS = 3

    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings()  # 1 POST a second and bucket

    def test_tasks_that_submit_at_once_are_all_accepted_once(self, cos, monkeypatch):
        # As patient as always, four times as fast.
        monkeypatch.setattr(nap, "time", SimpleNamespace(sleep=lambda pause: time.sleep(pause / 4)))
        contexts = [new_context(**task(task_id=f"submit_{number}")) for number in range(self.TASKS)]
        start = Barrier(self.TASKS)

        def work(context):
            start.wait()
            return make_operator(task_id=context["ti"].task_id).execute(context)

        with ThreadPoolExecutor(self.TASKS) as workers:
            jobs = list(workers.map(work, contexts))
        assert [job["attached"] for job in jobs] == [False] * self.TASKS
        assert len({job["job_id"] for job in jobs} - {None}) == self.TASKS
        assert cos.accepted_posts(SOURCE) == self.TASKS
        assert attempt(contexts[0], task_id="submit_0").submitted == ATTACHED_WITH_JOB_ID
