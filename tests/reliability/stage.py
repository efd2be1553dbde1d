# SPDX-License-Identifier: Apache-2.0
"""Where a wait is watched: an emulator, two buckets, a connection, and what happens while a task waits."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_cosinv.cos.protocol.signature import Signer
from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.reliability.relay import Relay
from tests.support.tasks import make_context

INVENTORY_ID = "mine"
_RETRIES = logging.getLogger("airflow_provider_cosinv.cos.protocol.retry")


class Stage:
    """
    One bucket with three objects, one for its reports, and the connection ``cos_default``.

    :param cos: which may be shared: the buckets are named after ``number``
    """

    def __init__(self, cos: COSEmulator, *, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cos = cos
        self.source = f"source{number}-1250000000"
        self.destination = f"reports{number}-1250000000"
        self.folder = f"inv/1250000000/source{number}/{INVENTORY_ID}"
        self.relay: Relay | None = None
        self._monkeypatch = monkeypatch
        self._over = threading.Event()
        self._tries = _Counter()
        self._missed = 0
        self._now: float | None = None
        cos.clear_faults()
        # It happens to none and counts all.
        cos.fault(method="GET", bucket=self.destination, key="manifest", times=0)
        cos.create_bucket(self.source)
        cos.create_bucket(self.destination)
        for key in ("logs/2026/a+b.gz", "图片/一 二.jpg", "readme.txt"):
            cos.put_object(self.source, key, b"12345")
        self.connect()

    def connect(self, **changes: Any) -> None:
        """Edit the connection: the emulator's, but for the changes."""
        extra = {**self.cos.connection["extra"], **changes.pop("extra", {})}
        connection = {**self.cos.connection, **changes, "extra": extra}
        self._monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))

    def disconnect(self) -> None:
        """Delete the connection."""
        self._monkeypatch.delenv("AIRFLOW_CONN_COS_DEFAULT")
        for name in ("get_connection", "aget_connection"):
            self._monkeypatch.setattr(BaseHook, name, self._counting(getattr(BaseHook, name)))

    def _counting(self, look_up: Callable[[str], Any]) -> Any:
        def counted(conn_id: str) -> Any:
            self._missed += 1
            return look_up(conn_id)

        return staticmethod(counted)

    def stop_clocks(self, moment: datetime) -> None:
        """Let this machine, and with it COS, believe that it is this moment, until :meth:`pass_time`."""
        self._now = moment.timestamp()
        self._monkeypatch.setattr(time, "time", lambda: self._now)
        # It has the function from before.
        self._monkeypatch.setitem(Signer.__init__.__kwdefaults__ or {}, "clock", lambda: self._now)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        assert self._now is not None
        self._now += seconds

    def operator(self, **parameters: Any) -> COSInventoryOperator:
        """Return the task that submits."""
        return COSInventoryOperator(
            task_id="submit",
            bucket=self.source,
            destination_bucket=self.destination,
            destination_prefix="inv",
            inventory_id=INVENTORY_ID,
            **parameters,
        )

    def submit(self) -> dict[str, Any]:
        """Submit the inventory, by its operator; return the job."""
        context: Any = make_context()
        job = self.operator().execute(context)
        if self.cos.settings.delivery.seconds == self.cos.settings.delivery.polls == 0:
            self.deliver()
        return job

    def deliver(self) -> None:
        """Make the report visible, where it is not yet."""
        (job,) = (job for job in self.cos.jobs() if job["bucket"] == self.source)
        self.cos.deliver_job(job["job_id"])

    def after_polls(self, count: int) -> None:
        """Return once the wait has asked for a report so many times more."""
        seen = self._polls()
        self._until(lambda: self._polls() >= seen + count)

    def after_missing_the_connection(self, count: int) -> None:
        """Return once the wait has looked for the deleted connection so many times."""
        self._until(lambda: self._missed >= count)

    def after_tries(self, count: int) -> None:
        """Return once clients have tried so many requests again."""
        tries = self._tries.count
        self._until(lambda: self._tries.count >= tries + count)

    @contextmanager
    def meanwhile(self, act: Callable[[Stage], None] | None) -> Iterator[None]:
        """Let something happen while the block waits; it ends with the block."""
        errors: list[BaseException] = []

        def perform() -> None:
            try:
                if act:
                    act(self)
            except BaseException as error:  # noqa: BLE001  raised below
                errors.append(error)

        actor = threading.Thread(target=perform, daemon=True)
        level = _RETRIES.level
        _RETRIES.addHandler(self._tries)
        _RETRIES.setLevel(logging.INFO)
        actor.start()
        try:
            yield
        finally:
            self._over.set()
            actor.join()
            _RETRIES.removeHandler(self._tries)
            _RETRIES.setLevel(level)
            if self.relay:
                self.relay.close()
        assert not errors, errors

    def _polls(self) -> int:
        seen: int = self.cos.faults()[0]["seen"]
        return seen

    def _until(self, done: Callable[[], bool]) -> None:
        while not done() and not self._over.is_set():
            time.sleep(0.002)


class _Counter(logging.Handler):
    """Counts records."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, _: logging.LogRecord) -> None:
        self.count += 1
