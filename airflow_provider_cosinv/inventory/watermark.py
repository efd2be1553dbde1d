# SPDX-License-Identifier: Apache-2.0
"""Which reports of a periodic inventory were announced already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.layout import check_date

#: So many dates are told apart. A large scan may end after that of the next day; one that is later is not waited for.
REMEMBERED = 32


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
    def before(cls, date: str) -> Watermark:
        """Return the one under which reports of a date, ``YYYYMMDD``, and later are new."""
        day = datetime.strptime(check_date(date, parameter="since"), "%Y%m%d")  # noqa: DTZ007  a day of no zone
        return cls(floor=f"{day - timedelta(days=1):%Y%m%d}")

    def is_new(self, date: str) -> bool:
        """Whether the report of a date was not announced yet."""
        return date > self.floor and date not in self.announced

    def with_announced(self, dates: Iterable[str]) -> Watermark:
        """Return the one after these were announced, too."""
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
        except (KeyError, TypeError, ValueError):
            raise COSInventoryConfigurationError(
                f"{text[:200]!r} is no watermark.",
                parameter=parameter,
                hint='Delete the Variable, and only later reports are new; or write {"floor": "20261101", '
                '"announced": []}, and those after this date are.',
            ) from None
        return cls(floor=floor, announced=announced)
