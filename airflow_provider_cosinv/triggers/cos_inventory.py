# SPDX-License-Identifier: Apache-2.0
"""Waiting in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_cosinv.exceptions import (
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.airflow_exceptions import AirflowNotFoundException
from airflow_provider_cosinv.hooks.connection import no_connection, read_connection
from airflow_provider_cosinv.hooks.report import check_absent
from airflow_provider_cosinv.hooks.wait import GRACE_POLLS, StateLog, not_in_time
from airflow_provider_cosinv.inventory.search import Found, ReportSearch, Sighting, Wanted, look

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_cosinv.cos.aio import AsyncCOSClient
    from airflow_provider_cosinv.cos.settings import ClientSettings


# Seconds for a look that begins shortly before the deadline, or at it.
_LAST_LOOK = 30.0


class COSInventoryTrigger(BaseTrigger):
    """
    Fires once, when a verified report is there, when the time is over, or when waiting makes no sense.

    :param search: where and how to look, :meth:`ReportSearch.as_dict`
    :param cos_conn_id: the Airflow connection, of type ``cos``
    :param poke_interval: seconds between two looks
    :param deadline: Unix time, in seconds; the first look after it is the last
    :param timeout: seconds of the whole wait, for the message
    :param job: the job waited for, which the event hands back: on some versions ``dag.test`` drops the arguments
        that Airflow keeps for the resumption
    """

    def __init__(
        self,
        *,
        search: dict[str, Any],
        cos_conn_id: str,
        poke_interval: float,
        deadline: float,
        timeout: float,
        job: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.search = search
        self.cos_conn_id = cos_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.timeout = timeout
        self.job = job

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: the triggerer stores both and may start it again elsewhere."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "search": self.search,
                "cos_conn_id": self.cos_conn_id,
                "poke_interval": self.poke_interval,
                "deadline": self.deadline,
                "timeout": self.timeout,
                "job": self.job,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event; see :func:`airflow_provider_cosinv.hooks.wait.manifest_of`."""
        try:
            sighting = await self._wait()
        except COSInventoryError as error:
            event = {"outcome": "error", **error.as_dict()}
        else:
            event = {"outcome": "found", "manifest_key": sighting.manifest_key, "checksum": sighting.checksum}
        yield TriggerEvent({**event, "job": self.job, "deadline": self.deadline})  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self) -> Sighting:
        search = ReportSearch.from_dict(self.search)
        states = StateLog(search=search, log=self.log)
        aio = await asyncio.to_thread(import_aio)
        async with aio.shared_session():
            settings = await connection_settings(self.cos_conn_id, region=search.region)
            client = aio.AsyncCOSClient(settings=settings)
            over = False
            # There is a last look after the deadline, however late this triggerer was started: the report may be there.
            while not over:
                # The worker looked before it deferred. A trigger that fires within its first second meets a race in
                # Airflow's scheduler (apache/airflow#66374).
                await asyncio.sleep(min(self.poke_interval, max(self.deadline - time.time(), 0)))
                over = time.time() >= self.deadline
                try:
                    # A silent network may hold a look longer than the wait shall take.
                    limit = max(self.deadline - time.time(), _LAST_LOOK)
                    sighting = await asyncio.wait_for(self._look(search, client), limit)
                except COSInventoryTransientError as error:
                    states.failed(error)
                except COSInventoryPermissionError:
                    # Temporary credentials end, and keys are replaced, while a wait goes on for hours.
                    renewed = await connection_settings(self.cos_conn_id, region=search.region)
                    if renewed == settings:
                        raise
                    settings, client = renewed, aio.AsyncCOSClient(settings=renewed)
                    states.renewed(self.cos_conn_id)
                    over = False
                except asyncio.TimeoutError:
                    break
                else:
                    states.seen(sighting)
                    if sighting.ready:
                        return sighting
        raise not_in_time(search, timeout=self.timeout, last=states.last)

    async def _look(self, search: ReportSearch, client: AsyncCOSClient) -> Sighting:
        steps = look(search, grace=timedelta(seconds=GRACE_POLLS * self.poke_interval))
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(await fetch(client, wanted))
        except StopIteration as end:
            sighting: Sighting = end.value
            return sighting


async def connection_settings(cos_conn_id: str, *, region: str | None) -> ClientSettings:
    """
    Return the connection, read and checked.

    :param region: overrules the connection's
    :raises COSInventoryConfigurationError: where there is none, or a field is missing or wrong
    """
    try:
        connection = await BaseHook.aget_connection(cos_conn_id)
    except AirflowNotFoundException:
        raise no_connection(cos_conn_id) from None
    return read_connection(connection, region=region)


def import_aio() -> ModuleType:
    """Return the module of the asynchronous client; call it in a thread."""
    # aiohttp takes a third of a second: too long for the event loop, which all triggers share, and for the worker,
    # which makes a trigger only to hand it over.
    from airflow_provider_cosinv.cos import aio

    return aio


async def fetch(client: AsyncCOSClient, wanted: Wanted) -> Found | None:
    """Read what a look wants to."""
    try:
        if wanted.digest_only:
            digest = await client.digest_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes)
            body, md5, info = b"", digest.md5_hex, digest.info
        else:
            content = await client.get_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes)
            body, md5, info = content.body, "", content.info
    except COSInventoryNotFoundError as error:
        check_absent(error)
        return None
    return Found(body=body, md5=md5, last_modified=info.last_modified, server_time=info.server_time)
