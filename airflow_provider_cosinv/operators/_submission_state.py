# SPDX-License-Identifier: Apache-2.0
"""
What the attempts of a task tell each other about their submission.

On Airflow 3.3 and later the task state store keeps what an attempt did when its worker dies; XCom is wiped at a retry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from airflow_provider_cosinv.exceptions import COSInventoryTransientError, quoted, shown
from airflow_provider_cosinv.inventory.job import InventoryJob
from airflow_provider_cosinv.processing.logger import Logger

#: Renaming it would lose the jobs of tasks that are being retried during an upgrade.
STATE_KEY = "cos_inventory_job"


class StateStore(Protocol):
    """Airflow's task state store, since 3.3."""

    def get(self, key: str) -> Any:
        """Return what is stored, or None."""

    def set(self, key: str, value: Any) -> None:
        """Store JSON-able data."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What an earlier attempt left once COS may have its POST: when it began, and its job if it had an answer."""

    began: datetime
    job: InventoryJob | None


@dataclass(frozen=True, kw_only=True)
class SubmissionState:
    """
    The state store, for one submission.

    In Airflow 3.3 it outlives a clear. What is kept of another submission, before a clear or with another
    configuration or id, does not count.

    The store is a service that may fail. Before COS was asked that is an error, which costs nothing; afterwards it is
    a warning, since the job is worth more than the note about it.

    :param store: the task state store; None if there is none, or the user wants none
    :param submission: the derived id and the one that COS gets
    :param clearing: the same between two clears of the task
    :param log: where to
    """

    store: StateStore | None
    submission: str
    clearing: str
    log: Logger

    def recall(self) -> Attempt | None:
        """
        Return what an earlier attempt left.

        :raises COSInventoryTransientError: where the store cannot be read
        """
        if self.store is None:
            return None
        try:
            stored = self.store.get(STATE_KEY)
        except Exception as error:
            raise _out_of_reach(error) from error
        if not stored:
            return None
        try:
            if stored["submission"] != self.submission:
                self._tell_of_other(stored)
                return None
            job = InventoryJob.from_dict(stored["job"]) if stored["job"] else None
            return Attempt(began=datetime.fromisoformat(stored["began"]), job=job)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.log.warning("Ignoring task state %s: not written by this task: %s", STATE_KEY, quoted(error))
            return None

    def begin(self, began: datetime) -> None:
        """
        Record that COS may have the POST: before its first byte leaves, since a crash may follow.

        :raises COSInventoryTransientError: if the store cannot be written
        """
        try:
            self._write(began, None)
        except Exception as error:
            raise _out_of_reach(error) from error

    def keep(self, began: datetime, job: InventoryJob) -> None:
        """Keep the job."""
        try:
            self._write(began, job)
        except Exception as error:  # noqa: BLE001  the store's backend is the user's choice
            self.log.warning(
                "The task state store did not take the inventory %s, JobId %s (%s). A retry would find it through "
                "COS, without its JobId",
                job.inventory_id,
                job.job_id,
                type(error).__name__,
            )

    def forget(self) -> None:
        """Record that nothing was submitted: COS refused all that was sent."""
        try:
            self._set({"submission": "", "clearing": "", "began": "", "job": None})
        except Exception as error:  # noqa: BLE001  the same
            self.log.warning(
                "The task state store did not take that nothing was submitted (%s). A retry would believe that its "
                "inventory id is its own",
                type(error).__name__,
            )

    def _write(self, began: datetime, job: InventoryJob | None) -> None:
        kept = {
            "submission": self.submission,
            "clearing": self.clearing,
            "began": began.isoformat(),
            "job": job.as_dict() if job else None,
        }
        self._set(kept)

    def _set(self, kept: dict[str, Any]) -> None:
        if self.store is not None:
            self.store.set(STATE_KEY, kept)

    def _tell_of_other(self, stored: dict[str, Any]) -> None:
        if stored["submission"] and stored.get("clearing") == self.clearing:
            self.log.warning(
                "An earlier attempt asked for something else, as the inventory %s (JobId %s); this one submits its "
                "own. COS has no call that cancels an inventory",
                shown(stored["submission"].split()[-1]),
                shown(stored["job"]["job_id"]) if stored["job"] else "not known",
            )


@dataclass(frozen=True, kw_only=True)
class SendingRecord:
    """
    The record of one attempt's POST, made by the connection that sends it.

    Without it, the inventory that has an id chosen by the user is somebody else's.

    :param state: of the submission
    :param began: when the attempt began
    """

    state: SubmissionState
    began: datetime

    def sending(self) -> None:
        """Record that COS may have the POST."""
        self.state.begin(self.began)

    def refused(self) -> None:
        """Record that COS has accepted nothing."""
        self.state.forget()


def _out_of_reach(error: Exception) -> COSInventoryTransientError:
    return COSInventoryTransientError(
        f"Airflow's task state store cannot be used ({type(error).__name__}). This attempt has submitted nothing.",
        hint="Check Airflow's API server and [workers] state_store_backend, or set durable=False to do without.",
    )
