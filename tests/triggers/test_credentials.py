# SPDX-License-Identifier: Apache-2.0
"""A wait of hours in the triggerer, with credentials that end meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time

import pytest

from airflow_provider_cosinv.cos.credentials import shared as shared_credentials
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.inventory import InventoryJob
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from tests.conftest import DESTINATION, SOURCE
from tests.support.cloud import CALLER, ROLE_ARN, Answer, refusal
from tests.support.tasks import make_context

# The library's, on Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ROLE_OF = {"credential": "assume_role", "role_arn": ROLE_ARN, "login": CALLER[0], "password": CALLER[1]}
TEMPORARY = [{"credential": "cvm_role"}, {"credential": "tke_oidc"}, ROLE_OF]


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=1e9))


@pytest.fixture(autouse=True)
def quick(impatient_retries, monkeypatch):
    """A source that failed is asked again at once."""
    monkeypatch.setattr(shared_credentials, "PAUSE", 0.0)


@pytest.fixture
def job(cos):
    """A job that was submitted with the emulator's own key."""
    operator = COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
    )
    return operator.execute(make_context())


def make_trigger(job, **replaced):
    search = InventoryJob.from_dict(job).search().as_dict()
    arguments = {"poke_interval": 0.02, "deadline": time.time() + 3600, "timeout": 3600.0, **replaced}
    return COSInventoryTrigger(search=search, cos_conn_id="cos_default", job=job, **arguments)


async def only_event(trigger):
    (event,) = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


async def until(condition):
    """Let the event loop go on until something is so."""
    while not condition():  # noqa: ASYNC110  conditions are about threads of the services
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("extra", TEMPORARY, ids=lambda extra: extra["credential"])
def test_a_wait_outlives_its_first_credentials(cos, job, connect, cloud, wall_clock, extra):
    cloud.lifetime = 600
    connect(**extra)

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        await until(lambda: polls() >= 1)
        first = len(cloud.issued)
        # The last fifth of their time has begun: others are issued.
        wall_clock.forward(500)
        await until(lambda: len(cloud.issued) > first)
        # A poll that was under way may still have the old ones; the one after it has not.
        renewed = polls()
        await until(lambda: polls() >= renewed + 2)
        # The old ones have ended, and COS refuses them.
        wall_clock.forward(101)
        ended = polls()
        await until(lambda: polls() >= ended + 2)
        cos.deliver_job(job["job_id"])
        return await waiting

    def polls():
        return cos.jobs()[0]["missed_polls"]

    assert asyncio.run(wait())["outcome"] == "found"


def test_many_waits_share_one_set_of_credentials(cos, job, connect, cloud):
    connect(credential="cvm_role")

    async def many():
        waits = [asyncio.create_task(only_event(make_trigger(job))) for _ in range(100)]
        await until(lambda: cos.jobs()[0]["missed_polls"] >= 100)
        cos.deliver_job(job["job_id"])
        return await asyncio.gather(*waits)

    events = asyncio.run(many())
    assert {event["outcome"] for event in events} == {"found"}
    assert len(cloud.issued) == 1


def test_a_source_that_is_slow_does_not_block_the_event_loop(cos, job, connect, cloud, caplog):
    connect(credential="cvm_role", timeout=20)
    cos.deliver_job(job["job_id"])
    cloud.gate = threading.Event()

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        await until(lambda: cloud.seen)
        # Only an event loop that is free gets here before the source's time is over.
        cloud.gate.set()
        return await waiting

    with caplog.at_level(logging.INFO):
        assert asyncio.run(wait())["outcome"] == "found"
    assert "gave no answer" not in caplog.text


def test_a_wait_goes_on_after_a_source_that_hung(cos, job, connect, cloud):
    connect(credential="cvm_role", timeout=0.2)
    cos.deliver_job(job["job_id"])
    cloud.answers = [Answer(delay=30)]

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        await until(lambda: len(cloud.seen) >= 2)
        assert not waiting.done()
        cloud.answers = []
        return await waiting

    assert asyncio.run(wait())["outcome"] == "found"


def test_an_outage_of_the_source_is_part_of_the_wait(cos, job, connect, cloud):
    connect(**ROLE_OF)
    cos.deliver_job(job["job_id"])
    cloud.answers = [Answer(503)] * 6 + [refusal("InternalError")] * 5 + [Answer(500)]

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        await until(lambda: len(cloud.answers) == 1)
        assert not waiting.done()
        cloud.answers = []
        return await waiting

    assert asyncio.run(wait())["outcome"] == "found"


def test_a_source_that_stays_out_of_reach_is_named_when_the_time_is_over(job, connect, cloud):
    connect(credential="cvm_role")
    cloud.answers = [Answer(503)]
    event = asyncio.run(only_event(make_trigger(job, deadline=time.time() + 0.5)))
    assert event["error"] == "COSInventoryTimeoutError"
    assert "cvm_role" in event["message"]


@pytest.mark.parametrize(
    ("extra", "answer", "error"),
    [
        ({"credential": "cvm_role"}, Answer(404), "COSInventoryConfigurationError"),
        (ROLE_OF, refusal("UnauthorizedOperation"), "COSInventoryPermissionError"),
    ],
    ids=["no role", "no permission"],
)
def test_a_renewal_that_is_refused_ends_the_wait_with_an_error_that_names_the_source(
    cos, job, connect, cloud, wall_clock, extra, answer, error
):
    cloud.lifetime = 600
    connect(**extra)

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job, deadline=time.time() + 3600)))
        await until(lambda: cos.jobs()[0]["missed_polls"])
        cloud.answers = [answer]
        # They hold at COS for a while, for polls that are under way; the next one needs others.
        wall_clock.forward(580)
        return await waiting

    event = asyncio.run(wait())
    assert event["error"] == error
    assert event["parameter"] == "credential"
    assert extra["credential"] in event["message"]
    assert len(cloud.issued) == 1
