# SPDX-License-Identifier: Apache-2.0
"""Airflow cannot, or will not, say what a connection holds: an error that names it, and that another try may heal."""

from __future__ import annotations

import asyncio
import time
import traceback
from datetime import datetime, timezone

import pytest
from airflow.sdk import BaseHook

from airflow_provider_cosinv.exceptions import COSInventoryTransientError
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory.report.search import ReportSearch
from airflow_provider_cosinv.triggers import cos_inventory_event
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger
from airflow_provider_cosinv.waiting import pacing
from airflow_provider_cosinv.waiting.outcome import look_once
from airflow_provider_cosinv.waiting.progress import StateLog
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.reports import DATE, put_report

# Airflow 3.1 warns of itself where a process that has a supervisor reads a connection from the environment.
pytestmark = pytest.mark.filterwarnings("ignore:Using Connection.from_json from `airflow.models`:DeprecationWarning")

SECRET = "hunter2/hunter2"


class AirflowSecretsBackendAccessDenied(PermissionError):  # noqa: N818  the name is Airflow's, from 3.3 on
    """What Airflow raises for 401 and 403 of its API server."""


FAULTS = {
    "denied": AirflowSecretsBackendAccessDenied("Execution API denied connection access (status 403)\n\x1b[2K"),
    "no-port": ValueError(f"invalid literal for int() with base 10: {SECRET!r}"),
    "backend": RuntimeError(f"vault: cos://id:{SECRET}@host"),
    "time-out": TimeoutError(),
    "key": KeyError("conn_type"),
}


@pytest.fixture(params=FAULTS)
def fault(request, cos, monkeypatch):
    """Airflow fails in this way at the first look-up, or always."""
    error, left = FAULTS[request.param], [1]
    real, areal = BaseHook.get_connection, BaseHook.aget_connection

    def fails():
        left[0] -= 1
        return left[0] >= 0

    def get_connection(conn_id):
        if fails():
            raise error
        return real(conn_id)

    async def aget_connection(conn_id):
        if fails():
            raise error
        return await areal(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(get_connection))
    monkeypatch.setattr(BaseHook, "aget_connection", staticmethod(aget_connection))
    monkeypatch.setattr(pacing, "_EARLIEST", 0.0)
    return left


def test_hook_raises_transient_error_that_names_connection(fault):
    with pytest.raises(COSInventoryTransientError, match="the connection 'cos_default'") as caught:
        COSInventoryHook().get_conn()
    assert caught.value.parameter == "cos_conn_id"
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "\x1b" not in told


def test_hook_reads_connection_at_next_look_up(fault):
    hook = COSInventoryHook()
    with pytest.raises(COSInventoryTransientError):
        hook.get_conn()
    assert hook.get_conn().head_bucket(SOURCE)


def test_test_button_names_connection(fault):
    works, message = COSInventoryHook().test_connection()
    assert not works
    assert "'cos_default'" in message
    assert SECRET not in message


def test_worker_polls_again(fault, cos):
    report = put_report(cos, DESTINATION)
    search = ReportSearch(bucket=DESTINATION, region="ap-guangzhou", prefixes=(report.folder,), dates=(DATE,))
    hook = COSInventoryHook()
    states = StateLog(search=search, log=hook.log, begun=time.time())
    assert look_once(hook, states, poll_interval=1) is None
    assert "'cos_default'" in states.last
    assert look_once(hook, states, poll_interval=1).checksum == report.checksum


def test_triggerer_polls_again(fault, cos):
    report = put_report(cos, DESTINATION)
    search = ReportSearch(bucket=DESTINATION, region="ap-guangzhou", prefixes=(report.folder,), dates=(DATE,))
    trigger = COSInventoryTrigger(
        search=search.as_dict(), cos_conn_id="cos_default", poke_interval=0.05, deadline=time.time() + 30, timeout=30.0
    )

    async def only_event():
        (event,) = [event async for event in trigger.run()]
        return event.payload

    assert asyncio.run(only_event())["outcome"] == "found"


def test_watcher_polls_again(fault, cos, supervisor, monkeypatch):
    monkeypatch.setattr(cos_inventory_event, "_UNTIL_STORED", 0.05)
    folder = "inv/1250000000/examplebucket/daily"
    today = f"{datetime.now(timezone.utc):%Y%m%d}"
    put_report(cos, DESTINATION, folder=folder, date=today)
    trigger = COSInventoryEventTrigger(
        bucket=SOURCE,
        inventory_id="daily",
        destination_bucket=DESTINATION,
        destination_prefix="inv",
        poke_interval=0.05,
        since=today,
    )

    async def first_event():
        events = trigger.run()
        event = await asyncio.wait_for(anext(events), 30)
        await events.aclose()
        return event.payload

    assert asyncio.run(first_event())["date"] == today
