# SPDX-License-Identifier: Apache-2.0
"""Which submissions are one, and which are another: clears, runs, mapped tasks, edits, chosen ids."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryUnansweredError,
)
from tests.conftest import SOURCE
from tests.reliability.attempts import (
    ATTACHED,
    ATTACHED_WITH_JOB_ID,
    POST,
    SUBMITTED,
    attempt,
    count_posts,
    each_airflow,
    new_context,
    record_pauses,
    task,
)
from tests.support.tasks import TaskInstance

LONG = "a_name_of_a_dag_that_is_longer_than_an_inventory_id_may_be_in_all_of_cos"


def submit_all(contexts, **parameters):
    """Run each task twice; return the inventory ids of the jobs that the first attempts submitted."""
    firsts = [attempt(context, **parameters) for context in contexts]
    seconds = [attempt(context, **parameters) for context in contexts]
    assert {first.submitted for first in firsts} == {SUBMITTED}
    assert {second.submitted[0] for second in seconds} == {True}
    ids = [first.job["inventory_id"] for first in firsts]
    assert ids == [second.job["inventory_id"] for second in seconds]
    return ids


def started(moment):
    return SimpleNamespace(start_date=moment)


class TestAnotherSubmission:
    @each_airflow
    def test_a_task_that_is_cleared_after_success_takes_a_new_inventory(self, cos, make):
        context = make(**task(max_tries=2))
        first = attempt(context)
        # In Airflow 3.3 the state store outlives a clear.
        cleared = {**context, "ti": TaskInstance(max_tries=3)}
        second = attempt(cleared)
        assert (first.submitted, second.submitted) == (SUBMITTED, SUBMITTED)
        assert second.job["inventory_id"] != first.job["inventory_id"]
        assert not [line for line in second.log if "An earlier attempt" in line]
        assert attempt(cleared).submitted[0] is True
        assert cos.accepted_posts(SOURCE) == 2

    @each_airflow
    def test_a_run_that_is_cleared_the_same_day_takes_new_inventories(self, cos, make):
        now = datetime.now(timezone.utc)
        contexts = [make(**task(task_id=name)) for name in ("one", "two")]
        before = submit_all(contexts)
        # A clear begins the run anew, which changes its start.
        for tries, later in ((1, now + timedelta(minutes=1)), (2, now + timedelta(minutes=2))):
            for context in contexts:
                context["dag_run"] = started(later)
                context["ti"].max_tries = tries
            before += submit_all(contexts)
        assert len(set(before)) == 6
        assert cos.accepted_posts(SOURCE) == 6

    @each_airflow
    def test_mapped_tasks_take_one_inventory_each(self, cos, make):
        run = started(datetime.now(timezone.utc))
        ids = submit_all([{**make(**task(map_index=index)), "dag_run": run} for index in range(10)])
        assert len(set(ids)) == 10
        assert cos.accepted_posts(SOURCE) == 10

    @each_airflow
    @pytest.mark.parametrize("names", [("sales", "stock"), (LONG, f"{LONG}_2"), ("销售", "库存")])
    def test_two_dags_on_one_bucket_take_one_inventory_each(self, cos, make, names):
        # Their runs may be called alike, and start together.
        run = started(datetime.now(timezone.utc))
        ids = submit_all([{**make(**task(dag_id=name)), "dag_run": run} for name in names])
        assert len(set(ids)) == 2
        assert all(len(inventory_id) <= 64 for inventory_id in ids)
        assert cos.accepted_posts(SOURCE) == 2

    @each_airflow
    def test_a_backfill_of_thirty_runs_takes_thirty_inventories_with_ids_that_cos_takes(self, cos, make):
        # Its runs may start together.
        run = started(datetime.now(timezone.utc))
        contexts = [make(**task(run_id=f"backfill__2026-10-{day:02}T00:00:00+00:00", dag_id=LONG)) for day in range(30)]
        ids = submit_all([{**context, "dag_run": run} for context in contexts])
        assert len(set(ids)) == 30
        assert all(len(inventory_id) <= 64 for inventory_id in ids)
        assert cos.accepted_posts(SOURCE) == 30

    def test_a_run_that_was_deleted_and_made_anew_takes_a_new_inventory(self, cos):
        now = datetime.now(timezone.utc)
        for moment in (now, now + timedelta(seconds=1)):
            assert attempt({**new_context(), "dag_run": started(moment)}).submitted == SUBMITTED
        assert cos.accepted_posts(SOURCE) == 2

    @each_airflow
    def test_editing_the_retries_between_attempts_changes_nothing(self, cos, make):
        context = make(**task(max_tries=2))
        first, second = attempt(context, retries=2), attempt(context, retries=3)
        assert second.job["inventory_id"] == first.job["inventory_id"]
        assert second.submitted[0] is True
        assert cos.accepted_posts(SOURCE) == 1


class TestAnEditBetweenAttempts:
    @each_airflow
    def test_another_configuration_takes_a_new_inventory(self, cos, make):
        context = make()
        first, edited = attempt(context), attempt(context, prefix="logs/")
        assert (first.submitted, edited.submitted) == (SUBMITTED, SUBMITTED)
        assert edited.job["inventory_id"] != first.job["inventory_id"]
        assert attempt(context, prefix="logs/").submitted[0] is True
        assert cos.accepted_posts(SOURCE) == 2

    def test_a_line_names_the_inventory_that_goes_on(self, cos):
        context = new_context()
        first, edited = attempt(context), attempt(context, prefix="logs/")
        (line,) = [line for line in edited.log if "asked for something else" in line]
        assert first.job["inventory_id"] in line
        assert first.job["job_id"] in line

    def test_a_line_names_the_inventory_that_may_go_on(self, cos, monkeypatch):
        record_pauses(monkeypatch)
        context = new_context()
        cos.fault(action=POST, reset="after")
        cos.fault(action=POST, reset="before", times=4)
        assert type(attempt(context).error) is COSInventoryUnansweredError
        edited = attempt(context, prefix="logs/")
        (line,) = [line for line in edited.log if "asked for something else" in line]
        assert cos.jobs()[0]["inventory_id"] in line
        assert "JobId not known" in line
        assert cos.accepted_posts(SOURCE) == 2

    @each_airflow
    def test_another_configuration_under_a_chosen_id_is_refused(self, cos, make):
        context = make()
        assert attempt(context, inventory_id="mine").submitted == SUBMITTED
        edited = attempt(context, inventory_id="mine", prefix="logs/")
        assert isinstance(edited.error, COSInventoryDuplicateError)
        assert edited.is_final
        assert cos.accepted_posts(SOURCE) == 1

    @each_airflow
    def test_another_chosen_id_takes_a_new_inventory(self, cos, make):
        context = make()
        assert attempt(context, inventory_id="one").submitted == SUBMITTED
        assert attempt(context, inventory_id="two").submitted == SUBMITTED
        assert cos.accepted_posts(SOURCE) == 2


@each_airflow
class TestAChosenIdThatIsUsedAlready:
    @pytest.fixture(params=[400, 409])
    def emulator_settings(self, request):
        return EmulatorSettings(post_rate=0, duplicate_status=request.param)

    def test_it_fails_at_once_and_says_what_to_do(self, cos, make):
        attempt(make(**task(task_id="other")), inventory_id="mine")
        posts = count_posts(cos)
        refused = attempt(make(), inventory_id="mine")
        assert isinstance(refused.error, COSInventoryDuplicateError)
        assert refused.is_final
        assert "'mine' was used before" in refused.error.message
        assert refused.error.code == "DuplicateInventoryId"
        assert refused.error.status == cos.settings.duplicate_status
        assert refused.error.request_id
        assert refused.error.parameter == "inventory_id"
        assert 'leave inventory_id out, or set on_duplicate="attach"' in refused.error.hint
        assert (posts(), cos.accepted_posts(SOURCE)) == (1, 1)

    def test_it_is_attached_to_where_asked_with_a_warning(self, cos, make):
        attempt(make(**task(task_id="other")), inventory_id="mine", prefix="logs/")
        context = make()
        attached = attempt(context, inventory_id="mine", on_duplicate="attach")
        assert attached.submitted == ATTACHED
        assert attached.job["inventory_id"] == "mine"
        assert any("somebody else may have submitted" in line for line in attached.log)
        assert attempt(context, inventory_id="mine", on_duplicate="attach").submitted == ATTACHED
        assert cos.accepted_posts(SOURCE) == 1


@pytest.mark.parametrize("chosen", [None, "mine"])
def test_a_retry_attaches_through_the_state_store_with_the_job_id_and_without_a_request(cos, chosen):
    context = new_context()
    first = attempt(context, inventory_id=chosen)
    cos.fault(status=500, times=None)
    second = attempt(context, inventory_id=chosen)
    assert second.submitted == ATTACHED_WITH_JOB_ID
    assert second.job == {**first.job, "attached": True}
    assert cos.faults()[0]["seen"] == 0
    assert cos.accepted_posts(SOURCE) == 1
