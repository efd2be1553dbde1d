# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import datetime, timezone
from pydoc import locate

import pytest
import structlog
from airflow.sdk import BaseHook

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.inventory import InventoryJob, ReportSearch
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from airflow_provider_cosinv.waiting import pacing
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_trigger

SEARCH = ReportSearch(
    bucket=DESTINATION,
    region="ap-guangzhou",
    prefixes=("inv/1250000000/examplebucket/x",),
    dates=("20261122",),
    not_before=datetime(2026, 11, 22, tzinfo=timezone.utc),
).as_dict()


def make_trigger(**parameters):
    return COSInventoryTrigger(
        **{
            "search": SEARCH,
            "cos_conn_id": "cos_default",
            "poke_interval": 0.05,
            "deadline": time.time() + 20,
            "timeout": 20.0,
            **parameters,
        }
    )


def submit():
    operator = COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
    )
    return operator.execute(make_context())


def search_of(job):
    return InventoryJob.from_dict(job).search().as_dict()


def test_every_argument_is_serialised_under_its_own_name():
    classpath, arguments = make_trigger(deadline=1.5, job={"job_id": "x"}).serialize()
    assert classpath == "airflow_provider_cosinv.triggers.cos_inventory.COSInventoryTrigger"
    assert arguments == {
        "search": {
            "bucket": DESTINATION,
            "region": "ap-guangzhou",
            "prefixes": ["inv/1250000000/examplebucket/x"],
            "dates": ["20261122"],
            "not_before": "2026-11-22T00:00:00+00:00",
            "past_dates": [],
            "past_not_before": None,
        },
        "cos_conn_id": "cos_default",
        "poke_interval": 0.05,
        "deadline": 1.5,
        "timeout": 20.0,
        "job": {"job_id": "x"},
        "max_poke_interval": None,
        "last_seen": "",
    }
    assert locate(classpath)(**arguments).serialize() == (classpath, arguments)


def test_it_fires_once_with_what_the_worker_needs(cos):
    job = submit()
    event = run_trigger(make_trigger(search=search_of(job), job=job))
    assert event["outcome"] == "found"
    assert event["manifest_key"].startswith(job["report_prefix"])
    assert len(event["checksum"]) == 32
    assert event["job"] == job
    assert event["deadline"] > time.time()


def test_it_ends_at_its_deadline_with_the_last_state(cos):
    event = run_trigger(make_trigger(deadline=time.time() + 0.2))
    assert event["outcome"] == "error"
    assert event["error"] == "COSInventoryTimeoutError"
    assert "not there yet" in event["message"]


def test_one_that_is_started_after_its_deadline_looks_once(cos):
    job = submit()
    event = run_trigger(make_trigger(search=search_of(job), job=job, deadline=time.time() - 3600))
    assert event["outcome"] == "found"
    event = run_trigger(make_trigger(deadline=time.time() - 3600, poke_interval=3600))
    assert "not there yet" in event["message"]


def test_an_edited_connection_counts_for_the_last_look_too(cos, monkeypatch):
    job = submit()
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps({**cos.connection, "password": "wrong" * 8}))

    async def edit_after_the_first_look():
        trigger = make_trigger(search=search_of(job), deadline=0)
        waiting = asyncio.create_task(anext(trigger.run()))
        while not cos.faults()[0]["happened"]:  # noqa: ASYNC110  the emulator counts in a thread of its own
            await asyncio.sleep(0.01)
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
        return await waiting

    cos.fault(method="GET", delay=1)
    assert asyncio.run(edit_after_the_first_look()).payload["outcome"] == "found"


def test_a_look_that_takes_too_long_ends_with_the_wait(cos, monkeypatch):
    monkeypatch.setattr("airflow_provider_cosinv.triggers.cos_inventory._LAST_LOOK", 0.1)
    cos.fault(method="GET", delay=2, status=403, code="AccessDenied")
    event = run_trigger(make_trigger(deadline=time.time() + 0.2))
    assert event["error"] == "COSInventoryTimeoutError"  # not the answer that came too late


def test_a_connection_that_is_not_there_is_told_once_and_when_the_time_is_over(cos):
    trigger = make_trigger(cos_conn_id="nowhere", deadline=time.time() + 0.2)
    with structlog.testing.capture_logs() as entries:
        event = run_trigger(trigger)
    assert event["error"] == "COSInventoryTimeoutError"
    assert "last seen: no answer: There is no connection 'nowhere'" in event["message"]
    assert sum("There is no connection" in entry["event"] for entry in entries) == 1


def test_a_connection_that_cannot_be_read_anew_does_not_hide_the_refusal(cos, monkeypatch):
    cos.fault(method="GET", status=403, code="AccessDenied", times=None)

    async def delete_before_the_answer():
        trigger = make_trigger(deadline=0)
        client = trigger._client

        async def client_of_a_connection_that_is_then_deleted(search):
            found = await client(search)
            monkeypatch.delenv("AIRFLOW_CONN_COS_DEFAULT")
            return found

        trigger._client = client_of_a_connection_that_is_then_deleted
        return await anext(trigger.run())

    event = asyncio.run(delete_before_the_answer()).payload
    assert event["error"] == "COSInventoryTimeoutError"
    refused = "COS refuses the credentials (AccessDenied). There is no connection 'cos_default'"
    assert f"last seen: no answer: {refused}" in event["message"]


def test_the_status_of_an_error_is_that_of_cos(cos):
    cos.fault(method="GET", status=403, code="AccessDenied")
    assert run_trigger(make_trigger())["status"] == 403


def test_a_missing_destination_bucket_is_an_error_not_a_wait(cos):
    event = run_trigger(make_trigger(search={**SEARCH, "bucket": "missing-1250000000"}))
    assert (event["error"], event["code"]) == ("COSInventoryNotFoundError", "NoSuchBucket")


def test_a_wrong_connection_is_an_error_that_names_the_field(cos, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"conn_type": "cos", "login": "AKID"}')
    event = run_trigger(make_trigger(cos_conn_id="broken"))
    assert (event["error"], event["parameter"]) == ("COSInventoryConfigurationError", "SecretKey (password)")


class TestLongWait:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=1e9))

    def test_an_edited_connection_is_picked_up_when_credentials_end(self, cos, monkeypatch):
        cos.add_credential(secret_id="AKIDtemporary", secret_key="k" * 32, token="t" * 32, expires_in=3600)
        temporary = {**cos.connection, "login": "AKIDtemporary", "password": "k" * 32}
        temporary["extra"] = {**temporary["extra"], "token": "t" * 32}
        job = submit()
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(temporary))

        async def edit_and_deliver():
            while not cos.jobs()[0]["missed_polls"]:  # noqa: ASYNC110  the emulator counts in a thread of its own
                await asyncio.sleep(0.01)
            monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
            cos.fault(method="GET", status=400, code="ExpiredToken", times=1)
            while not cos.faults()[0]["happened"]:  # noqa: ASYNC110  the same
                await asyncio.sleep(0.01)
            cos.deliver_job(job["job_id"])

        async def wait_while_credentials_end():
            editing = asyncio.create_task(edit_and_deliver())
            events = [event async for event in make_trigger(search=search_of(job)).run()]
            await editing
            return events

        (event,) = asyncio.run(wait_while_credentials_end())
        assert event.payload["outcome"] == "found"
        assert cos.faults()[0]["happened"] == 1

    def test_credentials_that_end_without_an_edit_are_an_error(self, cos):
        job = submit()
        cos.fault(method="GET", nth=2, status=400, code="ExpiredToken")
        event = run_trigger(make_trigger(search=search_of(job)))
        assert (event["error"], event["code"]) == ("COSInventoryPermissionError", "ExpiredToken")


class TestManyWaits:
    """Triggers of one process and destination bucket, over HTTP."""

    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=1e9))

    @staticmethod
    def count_looks(cos):
        """Count the requests for reports from now on."""
        cos.fault(method="GET", times=0)
        number = len(cos.faults()) - 1
        return lambda: cos.faults()[number]["seen"]

    @pytest.fixture
    def pauses(self, monkeypatch):
        """The pauses, in seconds, that the waits ask for; none of them is waited for."""
        asked = []
        turn = pacing.Pacer.turn

        def turn_at_once(pacer, pause, *, within):
            asked.append(pause)
            return turn(pacer, 0, within=within)

        monkeypatch.setattr(pacing.Pacer, "turn", turn_at_once)
        return asked

    @staticmethod
    def make_old(**parameters):
        """A wait that began an hour ago."""
        return make_trigger(deadline=time.time() + 6000, timeout=9600, **parameters)

    @staticmethod
    def make_young(**parameters):
        """A wait that has just begun."""
        return make_trigger(deadline=time.time() + 6000, timeout=6000, **parameters)

    @staticmethod
    def run_until(triggers, condition):
        """Run triggers until something is so; none of them ends before."""

        async def run():
            waits = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
            while not condition():
                assert not any(wait.done() for wait in waits)
                await asyncio.sleep(0.001)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

        asyncio.run(run())

    def test_where_cos_asks_one_to_slow_down_none_of_them_asks_for_a_while(self, cos, monkeypatch):
        monkeypatch.setattr(pacing, "_FIRST_PAUSE", 60)
        looks = self.count_looks(cos)

        async def run():
            alone = asyncio.create_task(anext(make_trigger(deadline=time.time() + 60, timeout=60).run()))
            while looks() < 2:  # noqa: ASYNC110  the emulator counts in a thread of its own
                await asyncio.sleep(0.01)
            alone.cancel()
            await asyncio.gather(alone, return_exceptions=True)
            told = asyncio.create_task(anext(make_trigger(deadline=time.time() + 60, timeout=60).run()))
            # Each request from now on: one that is still under way is of the wait before.
            cos.fault(method="GET", times=None, status=503, code="SlowDown")
            while not cos.faults()[-1]["happened"]:  # noqa: ASYNC110  the emulator counts in a thread of its own
                await asyncio.sleep(0.01)
            pacer = pacing.pacer_of(DESTINATION)
            while pacer._opens < asyncio.get_running_loop().time() + 50:  # noqa: ASYNC110  until the pacer has the answer
                await asyncio.sleep(0.01)
            before = looks()
            more = [
                asyncio.create_task(anext(make_trigger(deadline=time.time() + 60, timeout=60).run())) for _ in range(20)
            ]
            while len(pacer._queue) < 21:  # noqa: ASYNC110  until all of them and the first stand in line
                await asyncio.sleep(0.01)
            assert looks() == before
            for wait in (told, *more):
                wait.cancel()
            await asyncio.gather(told, *more, return_exceptions=True)

        asyncio.run(run())

    def test_a_bucket_that_throttles_does_not_slow_another(self, cos, monkeypatch):
        monkeypatch.setattr(pacing, "_FIRST_PAUSE", 30)
        cos.create_bucket("other-1250000000")
        cos.fault(method="GET", bucket=DESTINATION, times=None, status=503, code="SlowDown")
        cos.fault(method="GET", bucket="other-1250000000", times=0)
        triggers = [make_trigger(), make_trigger(search={**SEARCH, "bucket": "other-1250000000"})]

        def others_look_on():
            slow, other = (fault["seen"] for fault in cos.faults())
            if slow and not before:
                before.append(other)
            return before and other >= before[0] + 3

        before = []
        self.run_until(triggers, others_look_on)
        assert cos.faults()[0]["seen"] == 1

    def test_after_a_restart_they_are_spread_over_the_interval(self, cos, pauses):
        # They began long ago: another triggerer had them.
        waits = [self.make_old(poke_interval=10, max_poke_interval=10) for _ in range(200)]
        self.run_until(waits, lambda: len(pauses) >= 200)
        first = pauses[:200]
        assert max(first) <= 10
        assert 50 < sum(pause < 5 for pause in first) < 150

    def test_the_interval_grows_with_the_age_of_the_wait_and_is_capped(self, cos, pauses):
        def pause_of(trigger):
            pauses.clear()
            self.run_until([trigger], lambda: len(pauses) >= 3)
            # The first is that of a start.
            return pauses[2]

        assert 10 <= pause_of(self.make_young(poke_interval=10)) <= 11
        assert 100 <= pause_of(self.make_old(poke_interval=10)) <= 110
        assert 30 <= pause_of(self.make_old(poke_interval=10, max_poke_interval=30)) <= 33

    def test_a_report_that_is_being_written_is_looked_for_at_the_shortest_interval(self, cos, pauses):
        cos.put_object(DESTINATION, "inv/1250000000/examplebucket/x/20261122/manifest.checksum", b"0" * 32)
        self.run_until([self.make_old(poke_interval=10)], lambda: len(pauses) >= 3)
        assert 10 <= pauses[1] <= 11

    def test_a_batch_costs_its_polls_and_one_connection_look_up_each(self, cos, pauses, monkeypatch):
        looked_up = []
        aget_connection = BaseHook.aget_connection

        async def counted(conn_id):
            looked_up.append(conn_id)
            return await aget_connection(conn_id)

        monkeypatch.setattr(BaseHook, "aget_connection", counted)
        looks = self.count_looks(cos)
        self.run_until([self.make_young()], lambda: looks() >= 2)
        looked_up.clear()
        threads = set()

        def all_have_looked_twice():
            # Each asks for its next pause after a look; those of asyncio may be seen at any moment between.
            threads.update(thread.name for thread in threading.enumerate() if "asyncio" in thread.name)
            return len(pauses) >= 150

        pauses.clear()
        before = {thread.name for thread in threading.enumerate()}
        self.run_until([self.make_young() for _ in range(50)], all_have_looked_twice)
        assert len(looked_up) == 50
        assert threads <= before
