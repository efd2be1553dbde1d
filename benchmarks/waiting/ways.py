# SPDX-License-Identifier: Apache-2.0
"""Three ways to wait in one process: triggers of this package, the SDK in threads, and sleep alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from benchmarks.waiting.case import DESTINATION, Case

DATE = "20261126"
_HOUR = 3600.0


class Way(Protocol):
    """Starts one wait."""

    async def warm_up(self) -> None:
        """Import, connect and ask once."""

    def start(self, number: int) -> asyncio.Task[Any]:
        """Start a wait that never ends."""


class Triggers:
    """Waits of this package, as after a restart of the triggerer."""

    def __init__(self, case: Case) -> None:
        self._case = case
        os.environ["AIRFLOW_CONN_COS_DEFAULT"] = json.dumps(case.connection)

    async def warm_up(self) -> None:
        """Let one trigger end: its deadline is over, and it looks once."""
        async for _ in self._trigger(0, ends=0.0, age=_HOUR).run():
            pass

    def start(self, number: int) -> asyncio.Task[Any]:
        """Start a trigger."""
        trigger = self._trigger(number, ends=time.time() + _HOUR, age=2 * self._case.interval)

        async def fire() -> None:
            async for event in trigger.run():
                raise RuntimeError(f"A wait ended: {event.payload}")

        return asyncio.create_task(fire())

    def _trigger(self, number: int, *, ends: float, age: float) -> Any:
        from airflow_provider_cosinv.inventory.report.search import ReportSearch
        from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger

        search = ReportSearch(bucket=DESTINATION, region="ap-guangzhou", prefixes=(prefix(number),), dates=(DATE,))
        return COSInventoryTrigger(
            search=search.as_dict(),
            cos_conn_id="cos_default",
            poke_interval=self._case.interval,
            deadline=ends,
            timeout=max(ends - time.time(), 0) + age,
            # The goal is about polls that do not become fewer with time.
            max_poke_interval=self._case.interval,
        )


class Threads:
    """The SDK's ``head_object`` in a thread for each poll, as ``asyncio.to_thread`` runs it."""

    def __init__(self, case: Case) -> None:
        import qcloud_cos

        # It warns of each 404.
        logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)
        self._case = case
        connection = case.connection
        os.environ["REQUESTS_CA_BUNDLE"] = connection["extra"]["verify_ssl"]
        address = urlsplit(case.url)
        self._client = qcloud_cos.CosS3Client(
            qcloud_cos.CosConfig(
                Region=connection["extra"]["region"],
                SecretId=connection["login"],
                SecretKey=connection["password"],
                Scheme=address.scheme,
                IP=address.hostname,
                Port=address.port,
            )
        )
        self._refused: Any = qcloud_cos.CosServiceError

    async def warm_up(self) -> None:
        """Ask once."""
        await asyncio.to_thread(self._head, 0)

    def start(self, number: int) -> asyncio.Task[Any]:
        """Start a wait."""

        async def poll() -> None:
            await asyncio.sleep(random.random() * self._case.interval)
            while True:
                await asyncio.to_thread(self._head, number)
                await asyncio.sleep(self._case.interval)

        return asyncio.create_task(poll())

    def _head(self, number: int) -> None:
        try:
            self._client.head_object(Bucket=DESTINATION, Key=f"{prefix(number)}/{DATE}/manifest.checksum")
        except self._refused as error:
            if error.get_status_code() != 404:
                raise


class Sleep:
    """Wakes up and asks nobody: what any wait costs."""

    def __init__(self, case: Case) -> None:
        self._case = case

    async def warm_up(self) -> None:
        """Do nothing."""

    def start(self, number: int) -> asyncio.Task[Any]:
        """Start a wait."""

        async def sleep() -> None:
            await asyncio.sleep(random.random() * self._case.interval)
            while True:  # noqa: ASYNC110  there is nothing to wait for
                await asyncio.sleep(self._case.interval)

        return asyncio.create_task(sleep(), name=str(number))


WAYS: dict[str, Callable[[Case], Way]] = {"triggers": Triggers, "threads": Threads, "sleep": Sleep}


def prefix(number: int) -> str:
    """Return where the report of a wait would be."""
    return f"inv/1250000000/examplebucket/wait-{number}"
