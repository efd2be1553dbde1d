# SPDX-License-Identifier: Apache-2.0
"""A submitted inventory."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.bucket import BucketName, check_inventory_id, check_region
from airflow_provider_cosinv.inventory.layout import report_dates
from airflow_provider_cosinv.inventory.search import ReportSearch

# COS starts at once (436/46869), and the report carries the date of the start. The time of submission is that of
# the answer: a scan may have started before it, on the day before, or a while after it, on the next.
_START_LEAD = timedelta(minutes=5)
_START_DELAY = timedelta(hours=2)
# An id is taken for a day; the submission that a retry found is no older.
_ATTACH_WINDOW = timedelta(days=1)
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
    :param submitted_at: aware; where ``attached``, the earliest time that the submission can have happened
    :param attached: the submission was an earlier attempt's
    """

    job_id: str | None
    inventory_id: str
    bucket: str
    region: str
    destination_bucket: str
    report_prefix: str
    submitted_at: datetime
    attached: bool = False

    def __post_init__(self) -> None:
        """Check the names: a job may come from a person's params."""
        check_inventory_id(self.inventory_id)
        BucketName.parse(self.bucket)
        BucketName.parse(self.destination_bucket, parameter="destination_bucket")
        check_region(self.region)
        if not isinstance(self.report_prefix, str) or not self.report_prefix:
            raise COSInventoryConfigurationError(f"{self.report_prefix!r} is no key.", parameter="report_prefix")
        if not isinstance(self.job_id, (str, type(None))):
            raise COSInventoryConfigurationError(f"{self.job_id!r} is no JobId.", parameter="job_id")
        if not isinstance(self.attached, bool):
            raise COSInventoryConfigurationError(f"{self.attached!r} is neither true nor false.", parameter="attached")
        if self.submitted_at.utcoffset() is None:
            raise COSInventoryConfigurationError(f"{self.submitted_at} has no time zone.", parameter="submitted_at")
        # At the ends of the calendar the days around the moment cannot be computed.
        if not _FIRST_YEAR <= self.submitted_at.year <= _LAST_YEAR:
            raise COSInventoryConfigurationError(f"{self.submitted_at} cannot be.", parameter="submitted_at")

    def as_dict(self) -> dict[str, Any]:
        """Return the job as JSON-able data, ``submitted_at`` in ISO 8601 UTC."""
        return {**asdict(self), "submitted_at": self.submitted_at.astimezone(timezone.utc).isoformat()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InventoryJob:
        """
        Return the job that :meth:`as_dict` wrote; unknown keys are ignored.

        :raises COSInventoryConfigurationError: where a key is missing or wrong
        """
        if not isinstance(data, Mapping):
            raise _no_job(f"{reprlib.repr(data)} is no job.")
        for name, known in cls.__dataclass_fields__.items():
            if name not in data and known.default is MISSING:
                raise _no_job(f"The job has no {name}.")
        submitted_at = data["submitted_at"]
        if not isinstance(submitted_at, str):
            raise _no_job(f"This is no job: submitted_at is {reprlib.repr(submitted_at)}.")
        try:
            moment = datetime.fromisoformat(submitted_at.replace("Z", "+00:00"))
        except ValueError as error:
            raise COSInventoryConfigurationError(f"This is no job: {error}.", parameter="submitted_at") from error
        values = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**values, "submitted_at": moment})

    def search(self) -> ReportSearch:
        """Return where and how the job's report is looked for."""
        latest = self.submitted_at + (_ATTACH_WINDOW if self.attached else timedelta()) + _START_DELAY
        # Without a prefix it is not documented whether the keys begin with a slash.
        bare = self.report_prefix.count("/") == 2  # noqa: PLR2004  appid/bucket/id
        return ReportSearch(
            bucket=self.destination_bucket,
            region=self.region,
            prefixes=(self.report_prefix, f"/{self.report_prefix}") if bare else (self.report_prefix,),
            dates=report_dates(self.submitted_at - _START_LEAD, latest),
            not_before=self.submitted_at,
        )


def _no_job(message: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        message,
        parameter="job",
        hint="Pass the output of a COSInventoryOperator, or bucket and inventory_id instead.",
    )
