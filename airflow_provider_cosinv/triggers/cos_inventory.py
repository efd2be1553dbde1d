# SPDX-License-Identifier: Apache-2.0
"""Waiting in the triggerer."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_cosinv.cos.protocol.retry import POLLING_POLICY
from airflow_provider_cosinv.cos.reports import check_absent
from airflow_provider_cosinv.exceptions import (
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
    encodable,
)
from airflow_provider_cosinv.hooks.connection import looking_up, read_connection
from airflow_provider_cosinv.inventory.report.search import Found, ReportSearch, Sighting, Wanted, look
from airflow_provider_cosinv.waiting.outcome import GRACE_POLLS, not_in_time, renewing_after
from airflow_provider_cosinv.waiting.pacing import first_pause, next_pause, pacer_of
from airflow_provider_cosinv.waiting.progress import StateLog

if sys.version_info >= (3, 11):
    from asyncio import timeout as time_limit
else:
    # aiohttp brings it, to this Python alone.
    from async_timeout import timeout as time_limit  # type: ignore[import-not-found]  # not on newer ones

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
    from airflow_provider_cosinv.cos.settings import ClientSettings


# Seconds for a look that begins shortly before the deadline, or at it.
_LAST_LOOK = 30.0
# The last frames of a traceback.
_FRAMES = -8


class COSInventoryTrigger(BaseTrigger):
    """
    Fires once, when a verified report is there, when the time is over, or when waiting makes no sense.

    :param search: where and how to look, :meth:`ReportSearch.as_dict`
    :param cos_conn_id: the Airflow connection, of type ``cos``
    :param poke_interval: seconds between two looks at least; see :mod:`airflow_provider_cosinv.waiting.interval`
    :param deadline: Unix time, in seconds; the first look after it is the last
    :param timeout: seconds of the whole wait: it began so long before its deadline
    :param job: the job waited for, which the event hands back: on some versions ``dag.test`` drops the arguments
        that Airflow keeps for the resumption
    :param max_poke_interval: seconds between two looks at most; default: ten times ``poke_interval``, or ten minutes
    :param last_seen: what the worker logged before it deferred: it is no news
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
        max_poke_interval: float | None = None,
        last_seen: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.search = search
        self.cos_conn_id = cos_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.timeout = timeout
        self.job = job
        self.max_poke_interval = max_poke_interval
        self.last_seen = last_seen

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
                "max_poke_interval": self.max_poke_interval,
                "last_seen": self.last_seen,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, which Airflow can encode; see :func:`.manifest_of`."""
        yield TriggerEvent(await self._outcome())  # type: ignore[no-untyped-call]  # Airflow's

    async def _outcome(self) -> dict[str, Any]:
        """Return the payload of the event, whatever happens: an error that escapes ends the task without its text."""
        try:
            sighting = await self._wait()
            found = {"outcome": "found", "manifest_key": sighting.manifest_key, "checksum": sighting.checksum}
            if encodable(found) == found:
                return self._handed_back(found)
            error = COSInventoryError("The key of the report cannot be handed over.", key=sighting.manifest_key)
        except COSInventoryError as raised:
            error = raised
        except Exception as bug:  # noqa: BLE001  the last line of defence
            with suppress(Exception):
                self.log.error("Waiting failed: %s", encodable(describe_bug(bug)))  # noqa: TRY400  without its text
            error = COSInventoryError(
                f"Waiting failed in the triggerer ({type(bug).__name__}).",
                hint="This is a bug: report it, with the triggerer's log.",
            )
        return self._handed_back({"outcome": "error", **error.as_dict()})

    def _handed_back(self, event: dict[str, Any]) -> dict[str, Any]:
        handed_back: dict[str, Any] = encodable({**event, "job": self.job, "deadline": self.deadline})
        return handed_back

    async def _wait(self) -> Sighting:
        search = ReportSearch.from_dict(self.search)
        begun = self.deadline - self.timeout
        states = StateLog(search=search, log=self.log, begun=begun, last=self.last_seen)
        aio = await import_aio()
        pacer = pacer_of(search.bucket)
        client: AsyncCOSClient | None = None
        async with aio.shared_session():
            pause = first_pause(time.time() - begun, floor=self.poke_interval, cap=self.max_poke_interval)
            over = False
            # There is a last look after the deadline, however late this triggerer was started: the report may be there.
            while not over:
                left = max(self.deadline - time.time(), 0)
                try:
                    async with pacer.turn(min(pause, left), within=left + _LAST_LOOK):
                        over = time.time() >= self.deadline
                        if client is None:
                            # Not before: after a restart, all waits at once would ask Airflow for their connections.
                            client = await self._client(search)
                        # A silent network may hold a look longer than the wait shall take.
                        limit = max(self.deadline - time.time(), _LAST_LOOK)
                        async with time_limit(limit):
                            sighting, client = await self._look_or_renew(search, client)
                except COSInventoryThrottledError as error:
                    states.failed(error)
                    # It goes on as soon as the pacer lets anybody look.
                    pause = 0.0
                except COSInventoryTransientError as error:
                    states.failed(error)
                    pause = self._pause(time.time() - begun)
                except asyncio.TimeoutError:
                    break
                else:
                    if sighting is None:
                        states.renewed(self.cos_conn_id)
                        over = False
                        pause = self.poke_interval
                        continue
                    states.seen(sighting)
                    if sighting.ready:
                        return sighting
                    pause = self._pause(0 if sighting.is_begun else time.time() - begun)
        raise not_in_time(search, timeout=self.timeout, last=states.last)

    def _pause(self, age: float) -> float:
        return next_pause(age, floor=self.poke_interval, cap=self.max_poke_interval)

    async def _client(self, search: ReportSearch) -> AsyncCOSClient:
        # It imports aiohttp, which import_aio() did.
        from airflow_provider_cosinv.cos.async_shared import shared_client

        settings = await connection_settings(self.cos_conn_id, region=search.region)
        return shared_client(settings=settings, retry_policy=POLLING_POLICY)

    async def _look_or_renew(
        self, search: ReportSearch, client: AsyncCOSClient
    ) -> tuple[Sighting | None, AsyncCOSClient]:
        """Look once; where COS refuses the credentials and the connection has others, return their client instead."""
        try:
            return await self._look(search, client), client
        except COSInventoryPermissionError as refusal:
            # Temporary credentials end, and keys are replaced, while a wait goes on for hours.
            with renewing_after(refusal):
                renewed = await self._client(search)
            if renewed is client:
                raise
            return None, renewed

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
    :raises COSInventoryConfigurationError: where a field is missing or wrong
    :raises COSInventoryTransientError: where there is none, or Airflow cannot read it now
    """
    with looking_up(cos_conn_id):
        connection = await BaseHook.aget_connection(cos_conn_id)
    return read_connection(connection, region=region)


async def import_aio() -> ModuleType:
    """Return the module of the asynchronous client."""
    # aiohttp takes a third of a second: too long for the event loop, which all triggers share, and for the worker,
    # which makes a trigger only to hand it over. Once it is there, no wait needs a thread.
    if "aio" not in _imported:
        _imported["aio"] = await asyncio.to_thread(import_module, "airflow_provider_cosinv.cos.async_client")
    return _imported["aio"]


_imported: dict[str, ModuleType] = {}


async def fetch(client: AsyncCOSClient, wanted: Wanted) -> Found | None:
    """Read what a look wants to."""
    return (await fetch_pieces(client, wanted, keep=False))[0]


async def fetch_pieces(
    client: AsyncCOSClient, wanted: Wanted, *, keep: bool = True
) -> tuple[Found | None, tuple[bytes, ...]]:
    """Read what a look wants to; return it with the pieces of an object that is too large to be held as a whole."""
    pieces: tuple[bytes, ...] = ()
    try:
        if wanted.digest_only:
            digest = await client.digest_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes, keep=keep)
            body, md5, info, pieces = b"", digest.md5_hex, digest.info, digest.pieces
        else:
            content = await client.get_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes)
            body, md5, info = content.body, "", content.info
    except COSInventoryNotFoundError as error:
        check_absent(error)
        return None, ()
    found = Found(
        body=body,
        md5=md5,
        last_modified=info.last_modified,
        server_time=info.server_time,
        content_encoding=info.content_encoding,
    )
    return found, pieces


def describe_bug(error: Exception) -> str:
    """
    Return the kind of an error that nobody expected, and where it was raised.

    Without its text, and without those of its causes: other libraries write passwords of proxies into them.
    """
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__, _FRAMES))}"
