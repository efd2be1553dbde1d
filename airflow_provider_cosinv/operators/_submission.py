# SPDX-License-Identifier: Apache-2.0
"""
A submission that is neither lost nor doubled.

Three things hold it together: an id that a retry derives again; COS, which takes an id once a day; and, on Airflow
3.3 and later, the task state store (see :mod:`._submission_state`), in which a record is made before the first byte of
the POST leaves. An attempt that ended before has submitted nothing; after it, COS may have accepted.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from airflow_provider_cosinv.exceptions import COSInventoryDuplicateError, COSInventoryRequestError, quoted, shown
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.identity import TaskIdentity, derive_inventory_id
from airflow_provider_cosinv.inventory.job import InventoryJob
from airflow_provider_cosinv.inventory.report.layout import REPORT_TIMEZONES, report_dates, report_prefixes
from airflow_provider_cosinv.operators._submission_state import Attempt, SendingRecord, StateStore, SubmissionState
from airflow_provider_cosinv.processing.logger import Logger

# An id is taken for one day (436/46869).
_DAY = timedelta(days=1)
# The worker's clock may be ahead of COS's by as much as COS accepts in a signature (436/7778).
_SKEW = timedelta(minutes=15)


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
    :param store: the task state store; None if there is none, or the user wants none
    :param log: where to
    """

    hook: COSInventoryHook
    bucket: str
    configuration: InventoryConfiguration
    identity: TaskIdentity
    chosen_id: str | None
    attach_to_duplicate: bool
    preflight: bool
    store: StateStore | None
    log: Logger

    def submit(self) -> InventoryJob:
        """
        Submit the inventory, or find the submission of an earlier attempt.

        :raises COSInventoryError: where COS refuses, or the id is taken by another
        """
        derived = derive_inventory_id(self.identity, bucket=self.bucket, configuration=self.configuration)
        configuration = dataclasses.replace(self.configuration, inventory_id=self.chosen_id or derived)
        state = SubmissionState(
            store=self.store,
            submission=f"{derived} {configuration.inventory_id}",
            clearing=f"{self.identity.run_started} {self.identity.generation}",
            log=self.log,
        )
        earlier = state.recall()
        if earlier and earlier.job:
            self.log.info("Attached to the inventory %s, which an earlier attempt submitted", _name(earlier.job))
            return dataclasses.replace(earlier.job, attached=True)
        began = earlier.began if earlier else datetime.now(timezone.utc)
        job = self._delivered_before_today(configuration, earlier)
        if job is None:
            if self.preflight and not earlier:
                self.hook.check_destination(configuration.destination)
            job = self._post(configuration, began, state, resumed=earlier is not None)
        state.keep(began, job)
        return job

    def _delivered_before_today(
        self, configuration: InventoryConfiguration, earlier: Attempt | None
    ) -> InventoryJob | None:
        """
        Return the job of an earlier attempt whose report is there already, where COS's day may have changed since.

        On the next day COS would take the id again. It has no call that tells whether it took it before.
        """
        now = datetime.now(timezone.utc)
        began = earlier.began if earlier else self._earliest_unremembered(now)
        if began is None or report_dates(began - _SKEW, now + _SKEW) == report_dates(now, now):
            return None
        job = self._job(configuration, job_id=None, submitted_at=began - _SKEW, attached=True)
        try:
            sighting = self.hook.find_report(job.search(), grace=_DAY.total_seconds())
        except COSInventoryRequestError:
            # Who has submitted nothing yet need not be able to read reports.
            if earlier:
                raise
            return None
        if sighting.state in ("absent", "older"):
            if earlier:
                self.log.warning(
                    "An earlier attempt on another day may have submitted the inventory %s, and its report is not "
                    "there yet: submitting it again, perhaps for a second time",
                    _name(job),
                )
            return None
        self.log.info("Attached to the inventory %s: its report is there", _name(job))
        return job

    def _earliest_unremembered(self, now: datetime) -> datetime | None:
        """Return since when there may have been an attempt that nobody remembers; None where there was none."""
        if self.store is not None or self.chosen_id is not None or not self.identity.run_started:
            return None
        return max(datetime.fromisoformat(self.identity.run_started), now - _DAY)

    def _post(
        self, configuration: InventoryConfiguration, began: datetime, state: SubmissionState, *, resumed: bool
    ) -> InventoryJob:
        if resumed:
            self.log.info(
                "An earlier attempt may have submitted the inventory %s: asking COS under the same id",
                configuration.inventory_id,
            )
        try:
            submitted = self.hook.submit_inventory(
                bucket=self.bucket,
                configuration=configuration,
                # What an earlier attempt recorded still holds, whatever COS says to this one.
                journal=None if resumed else SendingRecord(state=state, began=began),
            )
        except COSInventoryDuplicateError as error:
            return self._attach(error, configuration, began, resumed=resumed)
        job = self._job(
            configuration,
            job_id=submitted.job_id,
            submitted_at=began - _SKEW if submitted.attached else submitted.server_time or datetime.now(timezone.utc),
            attached=submitted.attached,
        )
        if job.job_id is None:
            self.log.warning("COS accepted the inventory %s, but its JobId is not known", _name(job))
        else:
            self.log.info("Submitted the inventory %s: JobId %s", _name(job), shown(job.job_id))
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
        attached_at = None
        if resumed:
            submitted_at = began - _SKEW
        elif self.chosen_id is None:
            submitted_at = now - _DAY
        elif self.attach_to_duplicate:
            # Another's report of yesterday may lie under a chosen id: the day counts from its first midnight.
            midnights = [
                now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) for zone in REPORT_TIMEZONES
            ]
            submitted_at, attached_at = min(midnights), now
        else:
            details = {
                **error.details(),
                "parameter": "inventory_id",
                "hint": 'Choose another id, leave inventory_id out, or set on_duplicate="attach" to wait for the '
                "inventory that has it.",
            }
            raise COSInventoryDuplicateError(
                f"The inventory id {quoted(self.chosen_id)} was used before: today, by a job that is not finished, or "
                "by a periodic inventory.",
                **details,
            ) from error
        job = dataclasses.replace(
            self._job(configuration, job_id=None, submitted_at=submitted_at, attached=True), attached_at=attached_at
        )
        if self.chosen_id is None or resumed:
            self.log.info("Attached to the inventory %s: COS has accepted it before", _name(job))
        else:
            self.log.warning(
                "Attached to the inventory %s, which somebody else may have submitted: it need not be what this task "
                "asks for",
                _name(job),
            )
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


def _name(job: InventoryJob) -> str:
    return shown(
        f"{job.inventory_id} of cos://{job.bucket} (report below cos://{job.destination_bucket}/{job.report_prefix}/)"
    )
