# SPDX-License-Identifier: Apache-2.0
"""An event for each report that a periodic inventory delivers, for Airflow's ``AssetWatcher``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryError,
    COSInventoryRequestError,
)
from airflow_provider_cosinv.hooks.progress import describe_manifest
from airflow_provider_cosinv.hooks.report import is_unreadable
from airflow_provider_cosinv.hooks.wait import GRACE_POLLS, about_report
from airflow_provider_cosinv.inventory.bucket import BucketName, check_inventory_id
from airflow_provider_cosinv.inventory.layout import is_date, report_prefixes
from airflow_provider_cosinv.inventory.manifest import Manifest, parse_manifest
from airflow_provider_cosinv.inventory.search import MANIFEST_MAX_BYTES, ReportSearch, look
from airflow_provider_cosinv.inventory.watermark import REMEMBERED, Watermark
from airflow_provider_cosinv.triggers.cos_inventory import connection_settings, fetch, import_aio
from airflow_provider_cosinv.triggers.watermark import WatermarkVariable

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.aio import AsyncCOSClient

# Seconds after which Airflow has stored an event: the triggerer hands events over once a second.
_UNTIL_STORED = 10.0


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
        aio = await import_aio()
        failure = ""
        async with aio.shared_session():
            while True:
                reports: dict[str, Manifest] = {}
                try:
                    watermark = await self._read()
                    settings = await connection_settings(self.cos_conn_id, region=self.region)
                    client = aio.AsyncCOSClient(settings=settings)
                    reports = await self._new_reports(client, settings.region, watermark)
                    failure = ""
                except COSInventoryError as error:
                    # Airflow would start a trigger that fails anew every second. A request id is news each time.
                    if error.message != failure:
                        failure = error.message
                        self.log.warning("Inventory %s cannot be watched, trying again: %s", self.inventory_id, error)
                for manifest in reports.values():
                    self.log.info("Report ready: %s", describe_manifest(manifest))
                    yield TriggerEvent(  # type: ignore[no-untyped-call]  # Airflow's
                        about_report(manifest)
                    )
                self._announced.update(reports)
                await asyncio.sleep(_UNTIL_STORED if self._announced else self.poke_interval)

    async def _read(self) -> Watermark | None:
        """Return the watermark, once it holds what was announced; None where there is none."""
        watermark = await self._kept.read()
        # Where somebody has deleted it meanwhile, this look begins anew.
        if watermark is not None and self._announced:
            watermark = watermark.with_announced(self._announced)
            await self._kept.write(watermark)
        self._announced.clear()
        return watermark

    async def _new_reports(
        self, client: AsyncCOSClient, region: str, watermark: Watermark | None
    ) -> dict[str, Manifest]:
        """Return the reports that are there and were not announced, by date."""
        if watermark is None:
            watermark = await self._begin(client, region)
        folders = await self._folders(client, watermark.floor)
        dates = sorted(date for date in folders if watermark.is_new(date))
        reports = self._reports(client, region, folders, dates)
        return {date: manifest async for date, manifest in reports if manifest is not None}

    async def _begin(self, client: AsyncCOSClient, region: str) -> Watermark:
        """Make the watermark: before the first event, so that none is fired where it cannot be kept."""
        if self.since:
            watermark = Watermark.before(self.since)
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
        found: dict[str, str] = {}
        for prefix in prefixes:
            # The data files lie beside the folders. Their names are hex digits: few begin as a year does, and with
            # the marker behind the last folder that is over even fewer are listed.
            marker = f"{prefix}/{floor}0" if floor else ""
            folders = await client.list_prefixes(
                self._destination, prefix=f"{prefix}/20", marker=marker, wanted=lambda folder: is_date(_date_of(folder))
            )
            for date in map(_date_of, folders):
                if date > floor:
                    found.setdefault(date, prefix)
        return found

    async def _reports(
        self, client: AsyncCOSClient, region: str, folders: dict[str, str], dates: list[str]
    ) -> AsyncIterator[tuple[str, Manifest | None]]:
        """Yield each date whose report is there, and its manifest: None where it cannot be read."""
        for date in dates:
            try:
                manifest = await self._manifest(client, region, folders[date], date)
            except COSInventoryCorruptReportError as error:
                # COS may still write it anew: it is not there yet.
                self._pass_over(date, error)
            except COSInventoryRequestError as error:
                if not is_unreadable(error):
                    raise
                self._pass_over(date, error)
                yield date, None
            else:
                if manifest is not None:
                    yield date, manifest

    async def _manifest(self, client: AsyncCOSClient, region: str, prefix: str, date: str) -> Manifest | None:
        """Return the manifest of a date where the report is there and verified."""
        search = ReportSearch(bucket=self._destination, region=region, prefixes=(prefix,), dates=(date,))
        steps = look(search, grace=timedelta(seconds=GRACE_POLLS * self.poke_interval))
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(await fetch(client, wanted))
        except StopIteration as end:
            sighting = end.value
        if sighting.manifest_key is None or sighting.checksum is None:
            return None
        content = await client.get_object(self._destination, sighting.manifest_key, max_bytes=MANIFEST_MAX_BYTES)
        return await asyncio.to_thread(
            parse_manifest,
            content.body,
            bucket=self._destination,
            region=region,
            key=sighting.manifest_key,
            checksum=sighting.checksum,
        )

    def _pass_over(self, date: str, error: COSInventoryError) -> None:
        # It must not keep later reports from being announced.
        if date not in self._passed_over:
            self._passed_over.add(date)
            self.log.warning("The report of %s is passed over: %s", date, error)

    @property
    def _destination(self) -> str:
        return str(BucketName.parse(self.destination_bucket or self.bucket, parameter="destination_bucket"))

    @property
    def _kept(self) -> WatermarkVariable:
        about = f"Reports of the inventory {self.inventory_id} of {self.bucket} that its watcher announced."
        return WatermarkVariable(name=self.variable, description=about)


def _date_of(folder: str) -> str:
    return folder.removesuffix("/").rpartition("/")[2]
