# SPDX-License-Identifier: Apache-2.0
"""An event for each report that a periodic inventory delivers, for Airflow's ``AssetWatcher``."""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_cosinv.assets.events import about_report
from airflow_provider_cosinv.cos.reports import is_unreadable
from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryError,
    COSInventoryRequestError,
    encodable,
)
from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id
from airflow_provider_cosinv.inventory.report.checksum import parse_checksum
from airflow_provider_cosinv.inventory.report.layout import is_date, latest_date, report_prefixes
from airflow_provider_cosinv.inventory.report.manifest import Manifest, filter_warnings
from airflow_provider_cosinv.inventory.report.manifest_reader import ManifestReader
from airflow_provider_cosinv.inventory.report.search import ReportSearch, look
from airflow_provider_cosinv.inventory.report.watermark import REMEMBERED, Watermark
from airflow_provider_cosinv.processing.logger import warn
from airflow_provider_cosinv.triggers.cos_inventory import connection_settings, describe_bug, fetch_pieces, import_aio
from airflow_provider_cosinv.triggers.watermark_variable import WatermarkVariable
from airflow_provider_cosinv.waiting.outcome import GRACE_POLLS
from airflow_provider_cosinv.waiting.progress import describe_manifest

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.async_client import AsyncCOSClient

# Seconds.
_LONGEST_INTERVAL = 24 * 60 * 60.0
# Seconds after which Airflow has stored an event: the triggerer hands events over once a second.
_UNTIL_STORED = 10.0


class _Report(NamedTuple):
    """A report that is there: its manifest without the data files, and their sizes."""

    manifest: Manifest
    stored: array[int]


def _now() -> datetime:
    return datetime.now(timezone.utc)


class COSInventoryEventTrigger(BaseEventTrigger):
    """
    Fires for each report that a periodic inventory delivers, once its manifest is verified; it never ends.

    For an ``AssetWatcher``, so that a DAG runs when a rule delivers::

        daily = Asset(
            "cos://inventorybucket-1250000000/daily",
            watchers=[AssetWatcher(name="daily", trigger=COSInventoryEventTrigger(bucket=…, inventory_id="daily"))],
        )

    The payload of an event, ``event.extra["payload"]``, says which report it is: the manifest without its list of
    files, ``inventory_id`` and ``date``. A report is one date of the inventory; one that is written anew under its date
    is no new report.

    Which reports were announced stands in an Airflow Variable, on every version from 3.1: so a report that was
    delivered while no triggerer ran is announced when one does, and none is announced again after a restart. The
    Variable is written 10 seconds after an event, when Airflow has stored it: a triggerer that dies or stops between
    the two announces this one report again, with the same payload; it never leaves one out. Reports that are there when
    the watcher starts for the first time are not new, unless ``since`` says so.

    A report that is damaged, archived or larger than any keeps no other one back: it is passed over, with a warning.
    All else that COS or Airflow refuses is logged in the triggerer's log, and asked for again: an event trigger has no
    task that could fail. It lists folders, which needs ``name/cos:GetBucket`` on the bucket of the reports, and reads
    manifests.

    :param bucket: full name of the source bucket, ``name-APPID``
    :param inventory_id: id of the periodic inventory
    :param destination_bucket: full name of the bucket with the reports; default: ``bucket``
    :param destination_prefix: the prefix of the destination
    :param region: of the buckets; default: the connection's
    :param cos_conn_id: the Airflow connection, of type ``cos``
    :param poke_interval: seconds between two looks
    :param since: ``YYYYMMDD``: at the very first start, reports of this date and later are new
    :param watermark: name of the Variable; default: made of all that says which reports are meant. Two watchers of one
        inventory that differ in another argument need a name each
    """

    def __init__(
        self,
        *,
        bucket: str,
        inventory_id: str,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        region: str | None = None,
        cos_conn_id: str = "cos_default",
        poke_interval: float = 300.0,
        since: str | None = None,
        watermark: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.bucket = bucket
        self.inventory_id = inventory_id
        self.destination_bucket = destination_bucket
        self.destination_prefix = destination_prefix
        self.region = region
        self.cos_conn_id = cos_conn_id
        self.poke_interval = poke_interval
        self.since = since
        self.watermark = watermark
        self._announced: set[str] = set()
        self._passed_over: set[str] = set()
        # MD5 of a manifest that cannot be read, by date.
        self._damaged: dict[str, str] = {}
        self._failure = ""
        # A watermark that cannot be, and the one that is used instead.
        self._poisoned: tuple[Watermark, Watermark] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments; Airflow takes watchers that are equal in both for one."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "bucket": self.bucket,
                "inventory_id": self.inventory_id,
                "destination_bucket": self.destination_bucket,
                "destination_prefix": self.destination_prefix,
                "region": self.region,
                "cos_conn_id": self.cos_conn_id,
                "poke_interval": self.poke_interval,
                "since": self.since,
                "watermark": self.watermark,
            },
        )

    @property
    def variable(self) -> str:
        """The name of the Airflow Variable that says which reports were announced."""
        if self.watermark:
            return self.watermark
        watched = (
            f"{self.bucket} {self.destination_bucket or self.bucket} {self.destination_prefix or ''} {self.region}"
        )
        return f"cosinv_{self.inventory_id}_{hashlib.sha256(watched.encode()).hexdigest()[:12]}"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each new report, oldest first."""
        while True:
            events: dict[str, dict[str, Any]] = {}
            try:
                events = await self._poll()
                self._failure = ""
            except COSInventoryError as error:
                # A request id is news each time.
                self._failed(error.message, str(error))
            except Exception as error:  # noqa: BLE001  Airflow would start a trigger that fails anew every second
                self._failed(repr(type(error)), describe_bug(error))
            for event in events.values():
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's
            self._announced.update(events)
            await self._pause()

    async def _poll(self) -> dict[str, dict[str, Any]]:
        """Return the payload of an event for each new report, by date."""
        aio = await import_aio()
        async with aio.shared_session():
            watermark = await self._read()
            settings = await connection_settings(self.cos_conn_id, region=self.region)
            client = aio.AsyncCOSClient(settings=settings)
            found = await self._new_reports(client, settings.region, watermark)
        events = {}
        for date, report in found.items():
            about = about_report(report.manifest)
            if encodable(about) != about:
                self._pass_over(date, f"Airflow cannot carry what it says: {encodable(about)}")
                continue
            self.log.info("Report ready: %s", describe_manifest(report.manifest, stored=report.stored))
            warn(self.log, filter_warnings(report.manifest))
            events[date] = about
        return events

    def _failed(self, failure: str, text: str) -> None:
        if failure != self._failure:
            self._failure = failure
            self.log.warning("Inventory %s cannot be watched, trying again: %s", self.inventory_id, encodable(text))

    async def _pause(self) -> None:
        interval = self.poke_interval
        # One that is not a number is told when it is used; the pause must not end the watcher.
        usable = isinstance(interval, (int, float)) and 0 <= interval < _LONGEST_INTERVAL
        await asyncio.sleep(_UNTIL_STORED if self._announced else interval if usable else _LONGEST_INTERVAL)

    async def _read(self) -> Watermark | None:
        """Return the watermark, once it holds what was announced; None where there is none."""
        kept = await self._kept.read()
        # Where somebody has deleted it meanwhile, this look begins anew.
        watermark = self._healed(kept) if kept else None
        if watermark and self._announced:
            watermark = watermark.with_announced(self._announced)
            await self._kept.write(watermark)
        self._announced.clear()
        return watermark

    def _healed(self, kept: Watermark) -> Watermark:
        watermark = kept.healed(_now())
        if watermark.floor == kept.floor:
            return watermark
        # It is written with the next report: a clock that is wrong for a while harms nothing. Till then it must not
        # move with the day.
        if self._poisoned is None or self._poisoned[0] != kept:
            self._poisoned = (kept, watermark)
            self.log.warning(
                "Variable %s says that reports up to %s were announced, which is after today. Reports after %s are new "
                "now; to have earlier ones announced, too, write an earlier floor into the Variable.",
                self.variable,
                kept.floor,
                watermark.floor,
            )
        return self._poisoned[1]

    async def _new_reports(
        self, client: AsyncCOSClient, region: str, watermark: Watermark | None
    ) -> dict[str, _Report]:
        """Return the reports that are there and were not announced, by date."""
        if watermark is None:
            watermark = await self._begin(client, region)
        folders = await self._folders(client, watermark.floor)
        dates = sorted(date for date in folders if watermark.is_new(date))
        reports = self._reports(client, region, folders, dates)
        return {date: report async for date, report in reports if report is not None}

    async def _begin(self, client: AsyncCOSClient, region: str) -> Watermark:
        """Make the watermark: before the first event, so that none is fired where it cannot be kept."""
        if self.since:
            watermark = Watermark.before(self.since, now=_now())
        else:
            folders = await self._folders(client, "")
            dates = sorted(folders)
            older, recent = dates[:-REMEMBERED], dates[-REMEMBERED:]
            there = [date async for date, _ in self._reports(client, region, folders, recent)]
            watermark = Watermark(floor=older[-1] if older else "").with_announced(there)
        await self._kept.write(watermark)
        self.log.info("Watching inventory %s; Variable %s: %s", self.inventory_id, self.variable, watermark.as_json())
        return watermark

    async def _folders(self, client: AsyncCOSClient, floor: str) -> dict[str, str]:
        """Return where reports after a date are or will be: the prefix of each date."""
        BucketName.parse(self.bucket)
        prefixes = report_prefixes(self.destination_prefix, self.bucket, check_inventory_id(self.inventory_id))
        # Whoever may write to the bucket can make a folder of any date.
        latest = latest_date(_now())
        found: dict[str, str] = {}
        for prefix in prefixes:
            # The data files lie beside the folders. Their names are hex digits: few begin as a year does, and with
            # the marker behind the last folder that is over even fewer are listed.
            marker = f"{prefix}/{floor}0" if floor else ""
            folders = await client.list_prefixes(
                self._destination,
                prefix=f"{prefix}/20",
                marker=marker,
                wanted=lambda folder: is_date(_date_of(folder)) and floor < _date_of(folder) <= latest,
            )
            for date in map(_date_of, folders):
                found.setdefault(date, prefix)
        return found

    async def _reports(
        self, client: AsyncCOSClient, region: str, folders: dict[str, str], dates: list[str]
    ) -> AsyncIterator[tuple[str, _Report | None]]:
        """Yield each date whose report is there, and the report: None where it cannot be read."""
        for date in dates:
            try:
                report = await self.read_report(client, region, folders[date], date)
            except COSInventoryCorruptReportError as error:
                # COS may still write it anew: it is not there yet.
                self._pass_over(date, str(error))
            except COSInventoryRequestError as error:
                if not is_unreadable(error):
                    raise
                self._pass_over(date, str(error))
                yield date, None
            else:
                if report is not None:
                    yield date, report

    async def read_report(self, client: AsyncCOSClient, region: str, prefix: str, date: str) -> _Report | None:
        """
        Return the report of a date if it is there and verified.

        :raises COSInventoryCorruptReportError: if it is there and damaged; None for the same one from then on
        """
        search = ReportSearch(bucket=self._destination, region=region, prefixes=(prefix,), dates=(date,))
        steps = look(search, grace=timedelta(seconds=GRACE_POLLS * self.poke_interval))
        pieces: tuple[bytes, ...] = ()
        try:
            wanted = next(steps)
            while True:
                found, pieces = await fetch_pieces(client, wanted)
                if found and not wanted.digest_only and self._is_damaged(date, found.body):
                    return None
                wanted = steps.send(found)
        except StopIteration as end:
            sighting = end.value
        if sighting.manifest_key is None or sighting.checksum is None:
            return None
        reader = ManifestReader(bucket=self._destination, region=region, key=sighting.manifest_key)
        stored = array("q")
        try:
            # Not on the loop, and piece by piece: other threads go on in between.
            manifest = await asyncio.to_thread(
                reader.read_head, pieces, sighting.checksum, each=lambda file: stored.append(file.size)
            )
        except COSInventoryCorruptReportError:
            self._damaged[date] = sighting.checksum
            raise
        return _Report(manifest, stored)

    def _is_damaged(self, date: str, checksum: bytes) -> bool:
        """Whether a checksum is that of a manifest that was parsed before, in vain: it is not parsed again."""
        return date in self._damaged and parse_checksum(checksum.decode("ascii", "replace")) == self._damaged[date]

    def _pass_over(self, date: str, reason: str) -> None:
        # It must not keep later reports from being announced.
        if date not in self._passed_over:
            self._passed_over.add(date)
            self.log.warning("The report of %s is passed over: %s", date, encodable(reason))

    @property
    def _destination(self) -> str:
        return str(BucketName.parse(self.destination_bucket or self.bucket, parameter="destination_bucket"))

    @property
    def _kept(self) -> WatermarkVariable:
        about = f"Reports of the inventory {self.inventory_id} of {self.bucket} that its watcher announced."
        return WatermarkVariable(name=self.variable, description=about)


def _date_of(folder: str) -> str:
    return folder.removesuffix("/").rpartition("/")[2]
