# SPDX-License-Identifier: Apache-2.0
"""Which reports of a periodic inventory were announced already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.report.layout import check_date, latest_date

#: So many dates are told apart. A large scan may end after that of the next day; one that is later is not waited for.
REMEMBERED = 32
# No report of COS is older, and below the year 1000 dates have fewer digits.
_FIRST_DATE = "20000101"


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """
    The reports that were announced, by date.

    :param floor: ``YYYYMMDD``: reports of this date and of earlier ones are over; empty where none is
    :param announced: later dates that were announced, ascending
    """

    floor: str = ""
    announced: tuple[str, ...] = ()

    @classmethod
    def before(cls, date: str, *, now: datetime) -> Watermark:
        """
        Return the one under which reports of a date and later are new.

        :param date: ``YYYYMMDD``
        :param now: aware
        :raises COSInventoryConfigurationError: if it is not a date, or one that no report can carry yet
        """
        if check_date(date, parameter="since") > latest_date(now):
            raise COSInventoryConfigurationError(
                f"since is {date}, and today is {now.astimezone(timezone.utc):%Y%m%d}.",
                parameter="since",
                hint="Give a date that has come, or wait for it: the watcher begins then.",
            )
        if date <= _FIRST_DATE:
            return cls()
        day = datetime.strptime(date, "%Y%m%d")  # noqa: DTZ007  a day of no zone
        return cls(floor=f"{day - timedelta(days=1):%Y%m%d}")

    def healed(self, now: datetime) -> Watermark:
        """
        Return the watermark as it can be at a time.

        Whoever may write to the bucket can make folders of dates to come. A release that announced their reports
        moved the floor past today, below which nothing is new.

        :param now: aware
        """
        latest = latest_date(now)
        announced = tuple(date for date in self.announced if date <= latest)
        if self.floor < latest:
            return replace(self, announced=announced)
        yesterday = f"{now.astimezone(timezone.utc) - timedelta(days=1):%Y%m%d}"
        return Watermark(floor=yesterday, announced=tuple(date for date in announced if date > yesterday))

    def is_new(self, date: str) -> bool:
        """Whether the report of a date was not announced yet."""
        return date > self.floor and date not in self.announced

    def with_announced(self, dates: Iterable[str]) -> Watermark:
        """Return a copy with these dates marked as announced."""
        known = sorted({*self.announced, *(date for date in dates if date > self.floor)})
        over, kept = known[:-REMEMBERED], known[-REMEMBERED:]
        return replace(self, floor=over[-1] if over else self.floor, announced=tuple(kept))

    def as_json(self) -> str:
        """Return what :meth:`from_json` reads."""
        return json.dumps({"floor": self.floor, "announced": list(self.announced)})

    @classmethod
    def from_json(cls, text: str, *, parameter: str) -> Watermark:
        """
        Read what :meth:`as_json` wrote.

        :param parameter: where the text is from, for the error
        :raises COSInventoryConfigurationError: where it is something else
        """
        try:
            data = json.loads(text)
            floor, announced = data["floor"], tuple(data["announced"])
            for date in (*announced, *([floor] if floor else [])):
                check_date(date)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise COSInventoryConfigurationError(
                f"{quoted(text)} is not a watermark.",
                parameter=parameter,
                hint='Delete the Variable, and only later reports are new; or write {"floor": "20261101", '
                '"announced": []}, and those after this date are.',
            ) from None
        return cls(floor=floor, announced=announced)
