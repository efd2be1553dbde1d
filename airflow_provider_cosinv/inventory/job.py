# SPDX-License-Identifier: Apache-2.0
"""A submitted inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id, check_region
from airflow_provider_cosinv.inventory.report.layout import report_dates
from airflow_provider_cosinv.inventory.report.search import ReportSearch

# COS starts at once (436/46869), and the report carries the date of the start. The time of submission is that of
# the answer: a scan may have started before it, on the day before, or a while after it, on the next.
_START_LEAD = timedelta(minutes=5)
_START_DELAY = timedelta(hours=2)
# An id is taken for a day; the submission that a retry found is no older.
_ATTACH_WINDOW = timedelta(days=1)
_MOMENTS = ("submitted_at", "attached_at")
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


@dataclass(frozen=True, kw_only=True)
class InventoryJob:
    """
    One submitted inventory.

    :param job_id: what COS answered; None where it answered nothing readable, or where a retry could not know
    :param inventory_id: the id it was submitted with
    :param bucket: full name of the source bucket
    :param region: of both buckets
    :param destination_bucket: full name of the bucket that the report goes to
    :param report_prefix: key below which the report appears, without slash at the end
    :param submitted_at: aware; if ``attached``, the earliest time that the submission can have happened
    :param attached: the submission was an earlier attempt's, or anybody's
    :param attached_at: aware, if the submission may be anybody's: when the task attached to it
    """

    job_id: str | None
    inventory_id: str
    bucket: str
    region: str
    destination_bucket: str
    report_prefix: str
    submitted_at: datetime
    attached: bool = False
    attached_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check the names: a job may come from a person's params."""
        check_inventory_id(self.inventory_id)
        BucketName.parse(self.bucket)
        BucketName.parse(self.destination_bucket, parameter="destination_bucket")
        check_region(self.region)
        if not isinstance(self.report_prefix, str) or not self.report_prefix:
            raise COSInventoryConfigurationError(
                f"{quoted(self.report_prefix)} is not a valid key.", parameter="report_prefix"
            )
        if not isinstance(self.job_id, (str, type(None))):
            raise COSInventoryConfigurationError(f"{quoted(self.job_id)} is not a JobId.", parameter="job_id")
        if not isinstance(self.attached, bool):
            raise COSInventoryConfigurationError(
                f"{quoted(self.attached)} is neither true nor false.", parameter="attached"
            )
        for name in _MOMENTS:
            moment = getattr(self, name)
            if moment is None:
                continue
            if moment.utcoffset() is None:
                raise COSInventoryConfigurationError(f"{moment} has no time zone.", parameter=name)
            # At the ends of the calendar the days around the moment cannot be computed.
            if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                raise COSInventoryConfigurationError(
                    f"{name} must be between {_FIRST_YEAR} and {_LAST_YEAR}, not {moment}.", parameter=name
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the job as JSON-able data, its times in ISO 8601 UTC."""
        moments = {name: getattr(self, name) for name in _MOMENTS}
        written = {
            name: moment.astimezone(timezone.utc).isoformat() if moment else None for name, moment in moments.items()
        }
        return {**asdict(self), **written}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InventoryJob:
        """
        Return the job that :meth:`as_dict` wrote; unknown keys are ignored.

        :raises COSInventoryConfigurationError: where a key is missing or wrong
        """
        if not isinstance(data, Mapping):
            raise _no_job(f"{quoted(data)} is not a job.")
        for name, known in cls.__dataclass_fields__.items():
            if name not in data and known.default is MISSING:
                raise _no_job(f"The job has no {name}.")
        values = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        values["submitted_at"] = _moment(data["submitted_at"], "submitted_at")
        if values.get("attached_at") is not None:
            values["attached_at"] = _moment(values["attached_at"], "attached_at")
        return cls(**values)

    def search(self) -> ReportSearch:
        """
        Return where and how the job's report is looked for.

        If only the earliest time of the submission is known, the newest report that can be the job's wins. If the
        submission may be anybody's, there are two reasons why COS refused the id: it was used today, so that the
        report has today's date; or the scan of an earlier day goes on, so that its report comes after the task
        attached.
        """
        if self.attached_at:
            dates = report_dates(self.attached_at - _ATTACH_WINDOW, self.attached_at + _START_DELAY)[::-1]
            # Where the dates of the time zones differ, the later: the earlier may be yesterday's.
            today = report_dates(self.attached_at, self.attached_at)[-1]
            past = tuple(date for date in dates if date < today)
        else:
            # One whose JobId is known was answered at a known time.
            is_known = not self.attached or self.job_id is not None
            latest = self.submitted_at + (timedelta() if is_known else _ATTACH_WINDOW) + _START_DELAY
            dates = report_dates(self.submitted_at - _START_LEAD, latest)[:: 1 if is_known else -1]
            past = ()
        # Without a prefix it is not documented whether the keys begin with a slash.
        bare = self.report_prefix.count("/") == 2  # noqa: PLR2004  appid/bucket/id
        return ReportSearch(
            bucket=self.destination_bucket,
            region=self.region,
            prefixes=(self.report_prefix, f"/{self.report_prefix}") if bare else (self.report_prefix,),
            dates=dates,
            not_before=self.submitted_at,
            past_dates=past,
            past_not_before=self.attached_at,
        )


def _moment(value: Any, name: str) -> datetime:
    if not isinstance(value, str):
        raise _no_job(f"This is not a job: {name} is {quoted(value)}.")
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        raise COSInventoryConfigurationError(f"This is not a job: {shown(error)}.", parameter=name) from None


def _no_job(message: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        message,
        parameter="job",
        hint="Pass the output of a COSInventoryOperator, or bucket and inventory_id instead.",
    )
