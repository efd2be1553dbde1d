# SPDX-License-Identifier: Apache-2.0
"""
A submission that is neither lost nor doubled.

Three things hold it together: an id that a retry derives again; COS, which takes an id once a day; and, on Airflow
3.3 and later, the task state store, which keeps what an attempt did when its worker dies (XCom is wiped at a retry).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryDuplicateError,
    COSInventoryNotFoundError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.hooks.wait import Logger
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.identity import TaskIdentity, derive_inventory_id
from airflow_provider_cosinv.inventory.job import InventoryJob
from airflow_provider_cosinv.inventory.layout import REPORT_TIMEZONES, report_prefixes

#: Renaming it would lose the jobs of tasks that are being retried during an upgrade.
STATE_KEY = "cos_inventory_job"

# An id is taken for one day (436/46869).
_DAY = timedelta(days=1)


class StateStore(Protocol):
    """Airflow's task state store, or its stand-in."""

    def get(self, key: str) -> Any:
        """Return what is stored, or None."""

    def set(self, key: str, value: Any) -> None:
        """Store JSON-able data."""


class NoStateStore:
    """Stands in before Airflow 3.3, and where the user wants none."""

    def get(self, key: str) -> None:
        """Return nothing."""

    def set(self, key: str, value: Any) -> None:
        """Store nothing."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """
    One logical submission: the same for each retry, another after the task was cleared.

    :param hook: in the buckets' region
    :param bucket: full name of the source bucket
    :param configuration: what is asked for; its ``inventory_id`` is replaced
    :param identity: the task's
    :param chosen_id: an inventory id that the user chose; None derives one
    :param attach_to_duplicate: a chosen id that is taken means its job, not an error
    :param preflight: ask COS for the destination bucket before submitting
    :param store: the task state store
    :param log: where to
    """

    hook: COSInventoryHook
    bucket: str
    configuration: InventoryConfiguration
    identity: TaskIdentity
    chosen_id: str | None
    attach_to_duplicate: bool
    preflight: bool
    store: StateStore
    log: Logger

    def submit(self) -> InventoryJob:
        """
        Submit the inventory, or find the submission of an earlier attempt.

        :raises COSInventoryError: where COS refuses, or the id is taken by another
        """
        derived = derive_inventory_id(self.identity, bucket=self.bucket, configuration=self.configuration)
        configuration = dataclasses.replace(self.configuration, inventory_id=self.chosen_id or derived)
        earlier = self._earlier_attempt(derived)
        if earlier and earlier["job"]:
            job = dataclasses.replace(InventoryJob.from_dict(earlier["job"]), attached=True)
            self.log.info("Attached to the inventory %s, which an earlier attempt submitted", _name(job))
            return job
        if self.preflight and not earlier:
            self._check_destination(configuration)
        began = datetime.fromisoformat(earlier["began"]) if earlier else datetime.now(timezone.utc)
        self._remember(derived, began, None)
        job = self._post(configuration, began, resumed=earlier is not None)
        self._remember(derived, began, job)
        return job

    def _post(self, configuration: InventoryConfiguration, began: datetime, *, resumed: bool) -> InventoryJob:
        try:
            submitted = self.hook.submit_inventory(bucket=self.bucket, configuration=configuration)
        except COSInventoryDuplicateError as error:
            return self._attach(error, configuration, began, resumed=resumed)
        job = self._job(
            configuration,
            job_id=submitted.job_id,
            submitted_at=began if submitted.attached else submitted.server_time or datetime.now(timezone.utc),
            attached=submitted.attached,
        )
        if job.job_id is None:
            self.log.warning("COS accepted the inventory %s, but its JobId is not known", _name(job))
        else:
            self.log.info("Submitted the inventory %s: JobId %s", _name(job), job.job_id)
        return job

    def _attach(
        self,
        error: COSInventoryDuplicateError,
        configuration: InventoryConfiguration,
        began: datetime,
        *,
        resumed: bool,
    ) -> InventoryJob:
        now = datetime.now(timezone.utc)
        if resumed:
            submitted_at = began
        elif self.chosen_id is None:
            submitted_at = now - _DAY
        elif self.attach_to_duplicate:
            # Another's report of yesterday may lie under a chosen id: the day counts from its first midnight.
            midnights = [now.astimezone(zone).replace(hour=0, minute=0, second=0) for zone in REPORT_TIMEZONES]
            submitted_at = min(midnights)
        else:
            raise COSInventoryDuplicateError(
                f"The inventory id {self.chosen_id!r} was used before: today, by a job that is not finished, or by a "
                "periodic inventory.",
                **{
                    **error.details(),
                    "parameter": "inventory_id",
                    "hint": 'Choose another id, leave inventory_id out, or set on_duplicate="attach" to wait for the '
                    "job that has it.",
                },
            ) from error
        job = self._job(configuration, job_id=None, submitted_at=submitted_at, attached=True)
        self.log.info("Attached to the inventory %s: COS has accepted it before", _name(job))
        return job

    def _job(
        self, configuration: InventoryConfiguration, *, job_id: str | None, submitted_at: datetime, attached: bool
    ) -> InventoryJob:
        destination = configuration.destination
        return InventoryJob(
            job_id=job_id,
            inventory_id=configuration.inventory_id,
            bucket=self.bucket,
            region=destination.region,
            destination_bucket=destination.bucket,
            report_prefix=report_prefixes(destination.prefix, self.bucket, configuration.inventory_id)[0],
            submitted_at=submitted_at,
            attached=attached,
        )

    def _earlier_attempt(self, derived: str) -> Mapping[str, Any] | None:
        # In Airflow 3.3 the store outlives a clear; the derived id does not, nor does it outlive an edited
        # configuration.
        stored = self.store.get(STATE_KEY)
        return stored if stored and stored["submission"] == derived else None

    def _remember(self, derived: str, began: datetime, job: InventoryJob | None) -> None:
        self.store.set(
            STATE_KEY,
            {"submission": derived, "began": began.isoformat(), "job": job.as_dict() if job else None},
        )

    def _check_destination(self, configuration: InventoryConfiguration) -> None:
        destination = configuration.destination
        try:
            found = self.hook.client.head_bucket(destination.bucket)
        except COSInventoryNotFoundError as error:
            raise COSInventoryNotFoundError(
                f"The destination bucket does not exist in {destination.region}.",
                **{
                    **error.details(),
                    "parameter": "destination_bucket",
                    "hint": "COS writes a report only to a bucket of the source bucket's region, and tells nobody when "
                    "it cannot. Correct the bucket or the region.",
                },
            ) from error
        if found.region and found.region != destination.region:
            raise COSInventoryConfigurationError(
                f"The destination bucket is in {found.region}, not in {destination.region}.",
                parameter="destination_bucket",
                bucket=destination.bucket,
                hint="COS writes a report only to a bucket of the source bucket's region.",
            )


def _name(job: InventoryJob) -> str:
    return (
        f"{job.inventory_id} of cos://{job.bucket} (report below cos://{job.destination_bucket}/{job.report_prefix}/)"
    )
