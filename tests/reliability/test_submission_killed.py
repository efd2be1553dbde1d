# SPDX-License-Identifier: Apache-2.0
"""A worker that ends without a word, anywhere in a submission under an id that the user chose."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tenacity import nap

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryDuplicateError
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    ATTACHED,
    POST,
    SUBMITTED,
    attempt,
    connect,
    count_posts,
    each_airflow,
    new_context,
    old_context,
    record_pauses,
    task,
)
from tests.support.tasks import StateStore

MINE = {"inventory_id": "mine"}


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def emulator_settings():
    # In the minutes before midnight a retry looks for the report first: there is none yet, so that it asks COS.
    return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=3600))


def kill_between_tries(monkeypatch):
    def die(_: float) -> None:
        raise Killed

    monkeypatch.setattr(nap, "time", SimpleNamespace(sleep=die))


def submit_as_another():
    assert attempt(new_context(**task(task_id="other")), prefix="another/", **MINE).submitted == SUBMITTED


def assert_taken_by_another(cos, retried):
    assert isinstance(retried.error, COSInventoryDuplicateError)
    assert retried.is_final
    assert 'on_duplicate="attach"' in str(retried.error)
    assert cos.accepted_posts(SOURCE) == 1


def without_a_way(cos, monkeypatch):
    connect(monkeypatch, cos, endpoint_url="http://127.0.0.1:1")


def throttled(cos, monkeypatch):
    cos.fault(action=POST, status=503, code="SlowDown")


@each_airflow
@pytest.mark.parametrize("fault", [without_a_way, throttled])
def test_chosen_id_taken_after_a_kill_before_the_post_is_an_error(cos, monkeypatch, make, fault):
    context = make()
    fault(cos, monkeypatch)
    kill_between_tries(monkeypatch)
    with pytest.raises(Killed):
        attempt(context, preflight=False, **MINE)
    record_pauses(monkeypatch)
    connect(monkeypatch, cos)
    submit_as_another()
    assert_taken_by_another(cos, attempt(context, **MINE))


class MortalStore(StateStore):
    """Kills its process when something is stored for the first time."""

    def __init__(self, *, is_stored: bool) -> None:
        super().__init__()
        self._is_stored = is_stored
        self._is_alive = True

    def set(self, key, value):
        if self._is_alive:
            self._is_alive = False
            if self._is_stored:
                super().set(key, value)
            raise Killed
        super().set(key, value)


@pytest.mark.parametrize("is_stored", [False, True], ids=["before", "after"])
def test_record_is_made_before_the_first_byte(cos, is_stored):
    context, posts = new_context(task_state_store=MortalStore(is_stored=is_stored)), count_posts(cos)
    with pytest.raises(Killed):
        attempt(context, **MINE)
    assert posts() == 0
    retried = attempt(context, **MINE)
    assert retried.submitted == SUBMITTED
    assert any("may have submitted" in line for line in retried.log) == is_stored
    assert cos.accepted_posts(SOURCE) == 1


def test_chosen_id_whose_post_was_not_recorded_is_an_error(cos):
    context = new_context(task_state_store=MortalStore(is_stored=False))
    with pytest.raises(Killed):
        attempt(context, **MINE)
    submit_as_another()
    assert_taken_by_another(cos, attempt(context, **MINE))


def test_chosen_id_attaches_after_a_kill_while_cos_may_have_accepted(cos, monkeypatch):
    context = new_context()
    cos.fault(action=POST, reset="after")
    kill_between_tries(monkeypatch)
    with pytest.raises(Killed):
        attempt(context, **MINE)
    assert attempt(context, **MINE).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1


def test_chosen_id_needs_on_duplicate_after_a_kill_without_a_store(cos, monkeypatch):
    context = old_context()
    cos.fault(action=POST, reset="after")
    kill_between_tries(monkeypatch)
    with pytest.raises(Killed):
        attempt(context, **MINE)
    assert_taken_by_another(cos, attempt(context, **MINE))
    assert attempt(context, on_duplicate="attach", **MINE).submitted == ATTACHED
    assert cos.accepted_posts(SOURCE) == 1
