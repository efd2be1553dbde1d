# SPDX-License-Identifier: Apache-2.0
"""
Is the report there? One rule for every way of waiting.

The rule (436/30622): ``manifest.checksum`` and ``manifest.json`` are both there, and the MD5 of the second is what
the first says. The order in which COS writes them is not documented, nor the spelling of the checksum.

:func:`look` is a generator that does no I/O itself: it yields what it wants to read and is sent what was found,
so the worker (blocking) and the triggerer (async) run the same lines.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, shown
from airflow_provider_cosinv.inventory.report.checksum import parse_checksum
from airflow_provider_cosinv.inventory.report.layout import checksum_key, manifest_key

#: A manifest.checksum is 32 hex digits or 24 characters of base64 and perhaps a newline.
CHECKSUM_MAX_BYTES = 1024
#: A manifest has 100 to 170 bytes a data file: this is room for 200,000 of them.
MANIFEST_MAX_BYTES = 32 * 1024 * 1024
# From far to near.
_PROGRESS = ("absent", "older", "incomplete", "unverified", "ready")
# Clocks of COS and of its storage may differ a little.
_CLOCK_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """
    One object to read.

    :param bucket: full name
    :param key: the object's
    :param max_bytes: an object larger than this is an error
    :param digest_only: the reader needs not keep the body, only its MD5
    """

    bucket: str
    key: str
    max_bytes: int
    digest_only: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """
    One object as it was found; None stands for "no such key".

    :param body: empty where only the digest was wanted
    :param md5: 32 hex digits of the body
    :param last_modified: aware, or None where the answer had none
    :param server_time: aware, from the answer's ``Date``, or None
    :param content_encoding: of the answer: a gateway may have changed the bytes
    """

    body: bytes
    md5: str
    last_modified: datetime | None
    server_time: datetime | None
    content_encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """
    What one look showed.

    :param state: ``ready``; ``absent``: no checksum; ``incomplete``: no manifest yet; ``unverified``: manifest and
        checksum do not agree yet; ``older``: only a report from before the job
    :param manifest_key: key of the manifest; None where absent
    :param checksum: MD5 of the manifest, 32 hex digits; None unless ready
    """

    state: str
    manifest_key: str | None = None
    checksum: str | None = None

    @property
    def ready(self) -> bool:
        """The report is there and verified."""
        return self.state == "ready"

    @property
    def is_begun(self) -> bool:
        """A part of the report is there: COS is writing it."""
        return self.state in ("incomplete", "unverified")


@dataclass(frozen=True, kw_only=True)
class ReportSearch:
    """
    Where and how a report is looked for.

    :param bucket: full name of the destination bucket
    :param region: its region
    :param prefixes: keys below which the report may be, without slash at the end, likeliest first
    :param dates: the dates, ``YYYYMMDD``, that it may carry; the first that has a report wins
    :param not_before: aware; an older report is another's; None takes any
    :param past_dates: those of ``dates`` whose reports must not be older than ``past_not_before``
    :param past_not_before: aware, or None
    """

    bucket: str
    region: str
    prefixes: tuple[str, ...]
    dates: tuple[str, ...]
    not_before: datetime | None = None
    past_dates: tuple[str, ...] = ()
    past_not_before: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the search as JSON-able data, for a trigger."""
        return {
            **asdict(self),
            "prefixes": list(self.prefixes),
            "dates": list(self.dates),
            "not_before": _written(self.not_before),
            "past_dates": list(self.past_dates),
            "past_not_before": _written(self.past_not_before),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReportSearch:
        """Return the search that :meth:`as_dict` wrote."""
        not_before, past_not_before = data.get("not_before"), data.get("past_not_before")
        return cls(
            bucket=data["bucket"],
            region=data["region"],
            prefixes=tuple(data["prefixes"]),
            dates=tuple(data["dates"]),
            not_before=datetime.fromisoformat(not_before) if not_before else None,
            past_dates=tuple(data.get("past_dates", ())),
            past_not_before=datetime.fromisoformat(past_not_before) if past_not_before else None,
        )

    def earliest(self, date: str) -> datetime | None:
        """Return the time before which a report of a date is another's."""
        return self.past_not_before if date in self.past_dates else self.not_before

    def __str__(self) -> str:
        """Return where it is looked for, in one line of log: ``cos://bucket/prefix/{20261121,20261122}``."""
        dates = self.dates[0] if len(self.dates) == 1 else f"{{{','.join(sorted(self.dates))}}}"
        return f"cos://{self.bucket}/{self.prefixes[0]}/{dates}"


def look(search: ReportSearch, *, grace: timedelta) -> Generator[Wanted, Found | None, Sighting]:
    """
    Look once for the report.

    :param search: where and how
    :param grace: how long checksum and manifest may disagree, counted from the later write of the two: a report
        may be being rewritten
    :returns: the first report that is ready, none of ``past_dates`` while a newer one is being written; otherwise the
        sighting that is nearest to a report
    :raises COSInventoryCorruptReportError: where they disagree for longer, and no other place has a report
    """
    best = Sighting(state="absent")
    damage = None
    for prefix in search.prefixes:
        for date in search.dates:
            if best.is_begun and date in search.past_dates:
                # COS is writing a newer report that can be the job's: it wins, so wait for it.
                continue
            try:
                sighting = yield from _look_at(search, prefix, date, grace)
            except COSInventoryCorruptReportError as error:
                damage = damage or error
                continue
            if sighting.ready:
                return sighting
            if _PROGRESS.index(sighting.state) > _PROGRESS.index(best.state):
                best = sighting
    if damage:
        raise damage
    return best


def _look_at(
    search: ReportSearch, prefix: str, date: str, grace: timedelta
) -> Generator[Wanted, Found | None, Sighting]:
    checksum = yield Wanted(
        bucket=search.bucket, key=checksum_key(prefix, date), max_bytes=CHECKSUM_MAX_BYTES, digest_only=False
    )
    if checksum is None:
        return Sighting(state="absent")
    key = manifest_key(prefix, date)
    if _is_older(checksum, search.earliest(date)):
        return Sighting(state="older", manifest_key=key)
    manifest = yield Wanted(bucket=search.bucket, key=key, max_bytes=MANIFEST_MAX_BYTES, digest_only=True)
    if manifest is None:
        return Sighting(state="incomplete", manifest_key=key)
    expected = parse_checksum(checksum.body.decode("ascii", "replace"))
    if expected == manifest.md5:
        return Sighting(state="ready", manifest_key=key, checksum=expected)
    if _unchanged_for(checksum, manifest) > grace:
        raise COSInventoryCorruptReportError(
            f"The manifest's MD5 is {manifest.md5}, but its checksum says {_shown(checksum.body)}, and neither has "
            f"changed for {_unchanged_for(checksum, manifest)}.",
            bucket=search.bucket,
            key=key,
            hint=_hint(checksum.content_encoding or manifest.content_encoding),
        )
    return Sighting(state="unverified", manifest_key=key)


def _hint(content_encoding: str | None) -> str:
    if content_encoding is None:
        return "The report was overwritten or damaged. Take the inventory again, under a new id."
    return (
        f"They did not come as they are stored: the answers have Content-Encoding {shown(content_encoding)}. Turn off "
        "compression in the gateway or proxy between here and COS."
    )


def _is_older(checksum: Found, not_before: datetime | None) -> bool:
    if checksum.last_modified is None or not_before is None:
        return False
    return checksum.last_modified + _CLOCK_TOLERANCE < not_before


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(timezone.utc).isoformat() if moment else None


def _shown(body: bytes) -> str:
    return repr(body[:40].decode("ascii", "replace"))


def _unchanged_for(checksum: Found, manifest: Found) -> timedelta:
    # By the service's own clock, so that it needs no memory between looks: a rescheduled sensor has none.
    written = [found.last_modified for found in (checksum, manifest) if found.last_modified]
    now = manifest.server_time or datetime.now(timezone.utc)
    return now - max(written) if written else timedelta()
