# SPDX-License-Identifier: Apache-2.0
"""Delivers the reports of the soak as its plan says: late, in pieces, or wrong first."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from threading import Event, Thread
from types import TracebackType
from typing import Any

from typing_extensions import Self

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.inventory.report.layout import checksum_key, manifest_key
from benchmarks.soak_faults import DESTINATION, LATE, MANIFEST_FIRST, MISMATCH, InventoryPlan

#: Seconds between the delivery of a part and that of the rest. A wait bears a mismatch for three polls.
_HEALING = 2.5
_TICK = 0.3


class Delivery:
    """
    A context manager: inside the block reports are delivered, on a thread of its own.

    :param cos: an emulator that delivers nothing by itself
    :param plans: of all inventories
    """

    def __init__(self, *, cos: COSEmulator, plans: Iterable[InventoryPlan]) -> None:
        self._cos = cos
        self._plans = {plan.bucket: plan for plan in plans}
        self._unhealed: list[tuple[float, dict[str, Any]]] = []
        self._stop = Event()
        self._thread = Thread(target=self._run, name="cosinv-soak-delivery", daemon=True)
        self._error: Exception | None = None
        #: Reports that came late.
        self.late = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(_TICK):
                self._deliver_what_is_due()
                self._heal_what_is_due()
        except Exception as error:  # noqa: BLE001  of whatever kind: check() raises it where it is seen
            self._error = error

    def _deliver_what_is_due(self) -> None:
        for job in self._cos.jobs():
            plan = self._plans[job["bucket"]]
            if job["state"] == "ready" and job["missed_polls"] >= plan.looks_in_vain:
                self._cos.deliver_job(job["job_id"])
                self.late += plan.delivery == LATE
                if plan.delivery in (MANIFEST_FIRST, MISMATCH):
                    self._unhealed.append((time.monotonic() + _HEALING, job))

    def _heal_what_is_due(self) -> None:
        while self._unhealed and self._unhealed[0][0] <= time.monotonic():
            _, job = self._unhealed.pop(0)
            place = (job["report_prefix"], job["date"])
            manifest = self._cos.get_object(DESTINATION, manifest_key(*place))
            if self._plans[job["bucket"]].delivery == MISMATCH:
                self._cos.put_object(DESTINATION, manifest_key(*place), bytes([manifest[0] ^ 0xFF]) + manifest[1:])
            else:
                md5 = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
                self._cos.put_object(DESTINATION, checksum_key(*place), md5.encode())
