# SPDX-License-Identifier: Apache-2.0
"""Airflow's task state store is a service of its own, which fails by itself: neither job nor error is lost for it."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryPermissionError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    ATTACHED,
    ATTACHED_WITH_JOB_ID,
    POST,
    SUBMITTED,
    attempt,
    count_posts,
    new_context,
    record_pauses,
)
from tests.support.tasks import StateStore

KEY = "cos_inventory_job"


class StoreError(Exception):
    """Stands for what the API server, or a backend of the user's choice, raises."""


class FailingStore(StateStore):
    """Fails at the calls that are named, such as ``set 2`` for the second one; heals where a test says so."""

    def __init__(self, *failing: str) -> None:
        super().__init__()
        self.failing = set(failing)
        self.calls = {"get": 0, "set": 0}

    def get(self, key):
        self._call("get")
        return super().get(key)

    def set(self, key, value):
        self._call("set")
        super().set(key, value)

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        if f"{name} {self.calls[name]}" in self.failing:
            raise StoreError("API_SERVER_ERROR: {'status_code': 500}")


@pytest.mark.parametrize("failing", ["get 1", "set 1"])
def test_a_store_that_fails_before_the_post_is_a_retry_with_nothing_submitted(cos, failing):
    posts = count_posts(cos)
    context = new_context(task_state_store=FailingStore(failing))
    failed = attempt(context)
    assert type(failed.error) is COSInventoryTransientError
    assert isinstance(failed.error.__cause__, StoreError)
    assert not failed.is_final
    assert "task state store cannot be used (StoreError). This attempt has submitted nothing." in str(failed.error)
    assert "durable=False" in str(failed.error)
    assert posts() == 0
    assert attempt(context).submitted == SUBMITTED
    assert attempt(context).submitted == ATTACHED_WITH_JOB_ID
    assert cos.accepted_posts(SOURCE) == 1


def test_a_store_that_fails_after_the_post_loses_neither_the_job_nor_its_job_id(cos):
    context = new_context(task_state_store=FailingStore("set 2"))
    first = attempt(context)
    assert first.submitted == SUBMITTED
    (accepted,) = cos.jobs()
    assert first.job["job_id"] == accepted["job_id"]
    (warning,) = [line for line in first.log if "state store did not take" in line]
    assert accepted["job_id"] in warning
    assert accepted["inventory_id"] in warning
    assert attempt(context).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


def test_a_chosen_id_is_still_its_own_after_that(cos):
    context = new_context(task_state_store=FailingStore("set 2"))
    assert attempt(context, inventory_id="mine").submitted == SUBMITTED
    assert attempt(context, inventory_id="mine").submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


def test_a_store_that_cannot_be_read_at_the_retry_is_one_more_retry(cos, monkeypatch):
    record_pauses(monkeypatch)
    context = new_context(task_state_store=FailingStore("get 2"))
    cos.fault(action=POST, reset="after")
    cos.fault(action=POST, reset="before", times=4)
    attempt(context)
    posts = count_posts(cos)
    unread = attempt(context)
    assert isinstance(unread.error, COSInventoryTransientError)
    assert not unread.is_final
    assert posts() == 0
    assert attempt(context).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


def test_a_store_that_fails_does_not_hide_what_cos_said(cos, monkeypatch):
    record_pauses(monkeypatch)
    context = new_context(task_state_store=FailingStore("set 2"))
    cos.fault(action=POST, status=503, code="SlowDown", times=10)
    turned_away = attempt(context)
    assert type(turned_away.error) is COSInventoryThrottledError
    assert any("did not take that nothing was submitted (StoreError)" in line for line in turned_away.log)
    assert attempt(context).submitted == SUBMITTED
    assert cos.accepted_posts(SOURCE) == 1


def test_a_store_that_fails_does_not_turn_a_refusal_into_a_retry(cos):
    context = new_context(task_state_store=FailingStore("set 2", "set 3"))
    cos.fault(action=POST, status=403, code="AccessDenied")
    refused = attempt(context)
    assert type(refused.error) is COSInventoryPermissionError
    assert refused.is_final
    assert cos.accepted_posts(SOURCE) == 0


def test_a_store_that_always_fails_is_done_without_where_it_is_not_wanted(cos):
    context = new_context(task_state_store=FailingStore("get 1", "set 1", "set 2"))
    assert attempt(context, durable=False).submitted == SUBMITTED
    assert attempt(context, durable=False).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "42",
        lambda _: ["job"],
        lambda _: {"job_id": "of another operator"},
        lambda kept: {**kept, "began": "yesterday"},
        lambda kept: {**kept, "began": None},
        lambda kept: {**kept, "job": {"job_id": "x"}},
        lambda kept: {**kept, "job": "x"},
        lambda kept: {**kept, "submission": 42},
    ],
    ids=["text", "list", "keys", "time", "no-time", "job", "job-text", "submission"],
)
def test_what_a_person_or_another_release_wrote_into_it_is_told_and_not_believed(cos, damage):
    context = new_context()
    assert attempt(context).submitted == SUBMITTED
    store = context["task_state_store"]
    store.set(KEY, damage(store.get(KEY)))
    again = attempt(context)
    assert again.submitted == ATTACHED
    assert any(f"Ignoring task state {KEY}: not written by this task" in line for line in again.log)
    assert attempt(context).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1
