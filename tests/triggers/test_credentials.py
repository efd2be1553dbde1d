# SPDX-License-Identifier: Apache-2.0
"""A wait of hours in the triggerer, with credentials that end meanwhile."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from airflow_provider_cosinv.cos import shared_credentials
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
    return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=4))


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
    arguments = {"poke_interval": 0.1, "deadline": time.time() + 30, "timeout": 30.0, **replaced}
    return COSInventoryTrigger(search=search, cos_conn_id="cos_default", job=job, **arguments)


async def only_event(trigger):
    (event,) = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


async def longest_block(until):
    """The longest time, in seconds, that the event loop did nothing else."""
    longest = 0.0
    while not until.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before - 0.01)
    return longest


@pytest.mark.parametrize("extra", TEMPORARY, ids=lambda extra: extra["credential"])
def test_a_wait_outlives_its_first_credentials(job, connect, cloud, extra):
    cloud.lifetime = 2
    connect(**extra)
    assert asyncio.run(only_event(make_trigger(job)))["outcome"] == "found"
    assert len(cloud.issued) >= 2


def test_many_waits_share_one_set_of_credentials(job, connect, cloud):
    connect(credential="cvm_role")

    async def many():
        return await asyncio.gather(*(only_event(make_trigger(job, poke_interval=0.5)) for _ in range(100)))

    events = asyncio.run(many())
    assert {event["outcome"] for event in events} == {"found"}
    assert len(cloud.issued) == 1


def test_a_source_that_hangs_does_not_block_the_event_loop_and_the_wait_goes_on(job, connect, cloud):
    connect(credential="cvm_role", timeout=2)
    cloud.answers = [Answer(delay=30)]

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        blocked = asyncio.create_task(longest_block(waiting))
        await asyncio.sleep(3)
        assert not waiting.done()
        cloud.answers = []
        return await waiting, await blocked

    event, blocked = asyncio.run(wait())
    assert event["outcome"] == "found"
    # A source that is waited for in the loop blocks it for two seconds.
    assert blocked < 1.5


def test_an_outage_of_the_source_is_part_of_the_wait(job, connect, cloud):
    connect(**ROLE_OF)
    cloud.answers = [Answer(503)] * 30 + [refusal("InternalError")] * 5 + [Answer(500)]

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job)))
        await asyncio.sleep(1.5)
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
    job, connect, cloud, extra, answer, error
):
    cloud.lifetime = 2
    connect(**extra)

    async def wait():
        waiting = asyncio.create_task(only_event(make_trigger(job, deadline=time.time() + 30)))
        while not cloud.issued:  # noqa: ASYNC110  the services count in threads of their own
            await asyncio.sleep(0.01)
        cloud.answers = [answer]
        return await waiting

    event = asyncio.run(wait())
    assert event["error"] == error
    assert event["parameter"] == "credential"
    assert extra["credential"] in event["message"]
    assert len(cloud.issued) == 1
