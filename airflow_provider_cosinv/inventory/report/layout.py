# SPDX-License-Identifier: Apache-2.0
"""
Where COS puts a report (436/30622, "Inventory Report Storage Path").

::

    <prefix>/<appid>/<source bucket without appid>/<inventory id>/<32 hex digits>.csv.gz
    <prefix>/<appid>/<source bucket without appid>/<inventory id>/<YYYYMMDD>/manifest.json
    <prefix>/<appid>/<source bucket without appid>/<inventory id>/<YYYYMMDD>/manifest.checksum
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.inventory.text import check_text

MANIFEST_NAME = "manifest.json"
CHECKSUM_NAME = "manifest.checksum"

#: The date in the key is the day the scan starts; its time zone is not documented. Both are tried.
REPORT_TIMEZONES = (timezone.utc, timezone(timedelta(hours=8), "UTC+8"))

_DATE = re.compile(r"[0-9]{8}")


def report_prefixes(destination_prefix: str | None, bucket: str, inventory_id: str) -> tuple[str, ...]:
    """
    Return the keys, without trailing slash, below which COS may put the reports of an inventory, likeliest first.

    A prefix without slashes at its ends has one spelling. COS "automatically appends a slash" (436/46869), and
    no page says what that makes of a prefix that ends in one, starts with one, or is absent.

    :param destination_prefix: the prefix of the destination as configured, or None
    :param bucket: full name of the source bucket
    :param inventory_id: the inventory's id
    """
    source = BucketName.parse(bucket)
    tail = f"{source.appid}/{source.name}/{inventory_id}"
    written = check_text(destination_prefix or "", "destination_prefix")
    clean = written.strip("/")
    spellings = (
        f"{clean}/{tail}" if clean else tail,
        f"{written.rstrip('/')}/{tail}",
        f"{written.removesuffix('/')}/{tail}",
        f"{written}/{tail}",
    )
    return tuple(dict.fromkeys(spellings))


def report_dates(earliest: datetime, latest: datetime) -> tuple[str, ...]:
    """
    Return the dates, ``YYYYMMDD``, that the report of a scan started between two moments may carry.

    :param earliest: aware
    :param latest: aware, not before ``earliest``
    """
    days = []
    for zone in REPORT_TIMEZONES:
        day = earliest.astimezone(zone).date()
        last = latest.astimezone(zone).date()
        while day <= last:
            days.append(f"{day:%Y%m%d}")
            day += timedelta(days=1)
    return tuple(sorted(set(days)))


def latest_date(now: datetime) -> str:
    """
    Return the latest date that a report can carry: tomorrow in the easternmost zone of those that COS may mean.

    A day more than today, for a clock that is behind.

    :param now: aware
    """
    return max(f"{now.astimezone(zone) + timedelta(days=1):%Y%m%d}" for zone in REPORT_TIMEZONES)


def is_date(text: str) -> bool:
    """Whether a text is a report date, ``YYYYMMDD``."""
    try:
        check_date(text)
    except COSInventoryConfigurationError:
        return False
    return True


def check_date(date: str, *, parameter: str = "date") -> str:
    """
    Return a report date where it is one.

    :param date: ``YYYYMMDD``
    :raises COSInventoryConfigurationError: where it is not a day
    """
    try:
        if not _DATE.fullmatch(date):
            raise ValueError(date)
        datetime.strptime(date, "%Y%m%d").replace(tzinfo=timezone.utc)
    except (TypeError, ValueError):
        raise COSInventoryConfigurationError(
            f"{quoted(date)} is not a report date.",
            parameter=parameter,
            hint="Write YYYYMMDD, such as 20221120.",
        ) from None
    return date


def manifest_key(report_prefix: str, date: str) -> str:
    """Return the key of the manifest of a report."""
    return f"{report_prefix}/{date}/{MANIFEST_NAME}"


def checksum_key(report_prefix: str, date: str) -> str:
    """Return the key of the checksum of a manifest; it is what a wait looks for."""
    return f"{report_prefix}/{date}/{CHECKSUM_NAME}"
