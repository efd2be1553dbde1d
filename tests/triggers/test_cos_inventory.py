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
from airflow_provider_cosinv.triggers import pacing
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
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
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=4))

    def test_an_edited_connection_is_picked_up_when_credentials_end(self, cos, monkeypatch):
        cos.add_credential(secret_id="AKIDtemporary", secret_key="k" * 32, token="t" * 32, expires_in=3600)
        temporary = {**cos.connection, "login": "AKIDtemporary", "password": "k" * 32}
        temporary["extra"] = {**temporary["extra"], "token": "t" * 32}
        job = submit()
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(temporary))

        async def wait_while_credentials_end():
            trigger = make_trigger(search=search_of(job), poke_interval=0.2)

            async def edit():
                await asyncio.sleep(0.3)
                monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
                cos.fault(method="GET", status=400, code="ExpiredToken", times=1)

            editing = asyncio.create_task(edit())
            events = [event async for event in trigger.run()]
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

    @staticmethod
    async def wait_a_while(triggers, seconds):
        waits = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
        await asyncio.sleep(seconds)
        assert not any(wait.done() for wait in waits)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

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
            await asyncio.sleep(0.5)
            before = looks()
            await self.wait_a_while([make_trigger(deadline=time.time() + 60, timeout=60) for _ in range(20)], 2)
            assert looks() == before
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)

        asyncio.run(run())

    def test_a_bucket_that_throttles_does_not_slow_another(self, cos, monkeypatch):
        monkeypatch.setattr(pacing, "_FIRST_PAUSE", 30)
        cos.create_bucket("other-1250000000")
        cos.fault(method="GET", bucket=DESTINATION, times=None, status=503, code="SlowDown")
        cos.fault(method="GET", bucket="other-1250000000", times=0)
        triggers = [make_trigger(), make_trigger(search={**SEARCH, "bucket": "other-1250000000"})]

        async def run():
            waits = asyncio.gather(*(self.wait_a_while([trigger], 60) for trigger in triggers))
            while not cos.faults()[0]["seen"]:  # noqa: ASYNC110  the emulator counts in a thread of its own
                await asyncio.sleep(0.01)
            before = cos.faults()[1]["seen"]
            while cos.faults()[1]["seen"] < before + 3:  # noqa: ASYNC110  the same
                await asyncio.sleep(0.01)
            assert cos.faults()[0]["seen"] == 1
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)

        asyncio.run(run())

    def test_after_a_restart_they_are_spread_over_the_interval(self, cos):
        looks = self.count_looks(cos)
        # They began long ago: another triggerer had them.
        triggers = [
            make_trigger(poke_interval=10, max_poke_interval=10, deadline=time.time() + 600, timeout=3600)
            for _ in range(100)
        ]
        asyncio.run(self.wait_a_while(triggers, 3))
        # Some look soon, most do not yet.
        assert 1 <= looks() <= 60

    def test_the_interval_grows_with_the_age_of_the_wait_and_is_capped(self, cos):
        def looks_of(**parameters):
            cos.clear_faults()
            looks = self.count_looks(cos)
            trigger = make_trigger(poke_interval=0.1, deadline=time.time() + 60, **parameters)
            asyncio.run(self.wait_a_while([trigger], 2))
            return looks()

        young, old, capped = looks_of(timeout=60), looks_of(timeout=3600), looks_of(timeout=3600, max_poke_interval=0.1)
        # An old one looks each second, the others ten times as often where the machine lets them.
        assert old <= 3
        assert min(young, capped) > old

    def test_a_report_that_is_being_written_is_looked_for_at_the_shortest_interval(self, cos):
        cos.put_object(DESTINATION, "inv/1250000000/examplebucket/x/20261122/manifest.checksum", b"0" * 32)
        looks = self.count_looks(cos)
        # One that has not begun is looked for twice in two seconds; each look here is two requests.
        trigger = make_trigger(poke_interval=0.1, deadline=time.time() + 60, timeout=3600)
        asyncio.run(self.wait_a_while([trigger], 2))
        assert looks() > 6

    def test_a_batch_costs_its_polls_and_one_connection_look_up_each(self, cos, monkeypatch):
        looked_up = []
        aget_connection = BaseHook.aget_connection

        async def counted(conn_id):
            looked_up.append(conn_id)
            return await aget_connection(conn_id)

        monkeypatch.setattr(BaseHook, "aget_connection", counted)
        looks = self.count_looks(cos)
        threads = set()

        async def run():
            triggers = [make_trigger(poke_interval=0.3, deadline=time.time() + 60, timeout=60) for _ in range(50)]
            await self.wait_a_while(triggers[:1], 1)
            looked_up.clear()
            before = set(threading.enumerate())
            await self.wait_a_while(triggers, 3)
            threads.update(thread for thread in set(threading.enumerate()) - before if "asyncio" in thread.name)

        asyncio.run(run())
        assert looks() >= 100
        assert len(looked_up) == 50
        assert not threads
