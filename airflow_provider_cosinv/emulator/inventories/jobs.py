# SPDX-License-Identifier: Apache-2.0
"""Inventory jobs: the scan of a bucket, and the moment at which its report becomes visible."""

from __future__ import annotations

import base64
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, RLock
from typing import Any

from airflow_provider_cosinv.emulator.clock import Clock, parse_timezone
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.faults import DELIVER_REPORT, Faults, spoil_body
from airflow_provider_cosinv.emulator.inventories.filter import included, matcher
from airflow_provider_cosinv.emulator.inventories.report_writer import ReportObject, ReportWriter
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.emulator.storage.bodies import Spool
from airflow_provider_cosinv.emulator.storage.buckets import Bucket
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.emulator.storage.store import Store
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.inventory.report.layout import report_prefixes

_log = logging.getLogger(__name__)


@dataclass
class Job:
    """
    One inventory being taken.

    :param bucket: full name of the source bucket
    :param report_prefix: of the report's keys, without the slash at the end
    :param date: of the report's keys, ``YYYYMMDD``
    :param submitted_at: Unix seconds
    :param state: ``scanning``, ``ready``, ``delivered``, ``lost`` (the destination took nothing) or ``failed``
    :param missed_polls: requests that looked for the report in vain
    """

    job_id: str
    configuration: InventoryConfiguration
    bucket: str
    report_prefix: str
    date: str
    submitted_at: float
    periodic: bool
    state: str = "scanning"
    missed_polls: int = 0
    listed_objects: int = 0
    listed_bytes: int = 0
    matched_objects: int = 0
    matched_bytes: int = 0
    scan_seconds: float = 0.0
    scanned: Event = field(default_factory=Event, repr=False)
    report: list[ReportObject] = field(default_factory=list, repr=False)

    @property
    def folder(self) -> str:
        """Where manifest and checksum go, with the slash at the end."""
        return f"{self.report_prefix}/{self.date}/"

    def as_dict(self) -> dict[str, Any]:
        """Return the job as JSON."""
        names = ("job_id", "bucket", "report_prefix", "date", "submitted_at", "periodic", "state", "missed_polls")
        counts = ("listed_objects", "listed_bytes", "matched_objects", "matched_bytes", "scan_seconds")
        return {
            "inventory_id": self.configuration.inventory_id,
            "destination_bucket": self.configuration.destination.bucket,
            **{name: getattr(self, name) for name in (*names, *counts)},
        }


class Jobs:
    """Takes inventories, on threads of its own; safe to use from several threads."""

    def __init__(self, *, settings: EmulatorSettings, clock: Clock, store: Store, spool: Spool, faults: Faults) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._spool = spool
        self._faults = faults
        self._zone = parse_timezone(settings.report_timezone)
        self._lock = RLock()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="cosinv-emulator-scan")
        self._closing = Event()
        self._all: list[Job] = []
        self._pending: list[Job] = []
        self._one_time: dict[tuple[str, str], Job] = {}

    def today(self) -> str:
        """Return the date that a report of a scan started now has."""
        return f"{datetime.fromtimestamp(self._clock.now(), self._zone):%Y%m%d}"

    def start(self, bucket: Bucket, configuration: InventoryConfiguration, *, periodic: bool) -> Job:
        """Begin to scan a bucket."""
        prefixes = report_prefixes(configuration.destination.prefix, bucket.name, configuration.inventory_id)
        job = Job(
            job_id=base64.b64encode(secrets.token_bytes(13)).decode(),
            configuration=configuration,
            bucket=bucket.name,
            report_prefix=prefixes[1] if self._settings.dialect.root_slash else prefixes[0],
            date=self.today(),
            submitted_at=self._clock.now(),
            periodic=periodic,
        )
        with self._lock:
            self._all.append(job)
            self._pending.append(job)
            if not periodic:
                self._one_time[bucket.name, configuration.inventory_id] = job
        self._threads.submit(self._run, job, bucket)
        return job

    def all(self) -> list[Job]:
        """Return every job, oldest first, after delivering what is due."""
        self.settle()
        with self._lock:
            return list(self._all)

    def find(self, job_id: str) -> Job | None:
        """Return a job by its id."""
        return next((job for job in self.all() if job.job_id == job_id), None)

    def is_used(self, bucket: str, inventory_id: str) -> bool:
        """Return whether a one-time inventory of this id was submitted today or is unfinished."""
        with self._lock:
            job = self._one_time.get((bucket, inventory_id))
            return job is not None and (job.date == self.today() or job.state in ("scanning", "ready"))

    def missed(self, bucket: str, key: str) -> None:
        """Take note of a request that found no object, or of a LIST of a prefix, where a report is due."""
        with self._lock:
            for job in self._pending:
                if job.configuration.destination.bucket != bucket:
                    continue
                above = job.folder.startswith(key) and len(key) >= len(job.report_prefix)
                if above or key.startswith(job.folder):
                    job.missed_polls += 1

    def settle(self) -> None:
        """Make the reports visible that are due."""
        if not self._pending:
            return
        delivery = self._settings.delivery
        with self._lock:
            for job in list(self._pending):
                waited = self._clock.now() - job.submitted_at >= delivery.seconds
                if job.state == "ready" and waited and job.missed_polls >= delivery.polls:
                    self.deliver(job)

    def deliver(self, job: Job) -> None:
        """Make the report of a scanned job visible now, whatever the settings say; once."""
        with self._lock:
            if job.state != "ready":
                return
            self._pending.remove(job)
            destination = self._destination(job)
            job.state = "lost" if destination is None else "delivered"
            if destination is not None:
                for item in job.report:
                    self._write(destination, item)
            job.report.clear()

    def close(self) -> None:
        """Stop scanning."""
        self._closing.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _destination(self, job: Job) -> Bucket | None:
        try:
            region = self._store.find(job.bucket).region
            bucket = self._store.find(job.configuration.destination.bucket, region=region)
        except COSError:
            return None
        return bucket if bucket.accepts_reports else None

    def _write(self, destination: Bucket, item: ReportObject) -> None:
        body, size = item.body, item.size
        fault = self._faults.take(method="PUT", action=DELIVER_REPORT, bucket=destination.name, key=item.key)
        if fault is not None:
            if fault.drop:
                return
            body, size = spoil_body(fault, body, size)
        destination.put(
            ObjectVersion(
                key=item.key,
                size=size,
                last_modified=self._clock.now(),
                etag=item.md5.hex(),
                body=body,
                headers={"content-type": item.content_type},
                crc64=item.crc64,
            )
        )

    def _run(self, job: Job, bucket: Bucket) -> None:
        writer = ReportWriter(
            configuration=job.configuration,
            source=BucketName.parse(bucket.name),
            prefix=job.report_prefix,
            date=job.date,
            started=job.submitted_at,
            spool=self._spool,
            dialect=self._settings.dialect,
            rows_per_file=self._settings.rows_per_file,
        )
        begun = time.monotonic()
        try:
            report = self._scan(job, bucket, writer)
        except Exception:  # noqa: BLE001  of whatever kind: who waits for the scan must not wait for ever
            _log.exception("The scan of %s for inventory %s failed", bucket.name, job.configuration.inventory_id)
            report = None
        with self._lock:
            job.scan_seconds = round(time.monotonic() - begun, 3)
            job.listed_objects, job.listed_bytes = writer.listed.objects, writer.listed.size
            job.matched_objects, job.matched_bytes = writer.matched.objects, writer.matched.size
            if report is None:
                writer.discard()
                job.state = "failed"
                self._pending.remove(job)
            else:
                job.report = report
                job.state = "ready"
        self.settle()
        job.scanned.set()

    def _scan(self, job: Job, bucket: Bucket, writer: ReportWriter) -> list[ReportObject] | None:
        matches: Callable[[ObjectVersion], bool] = matcher(job.configuration.filter)
        for versions in bucket.scan():
            if self._closing.is_set():
                return None
            for version, is_latest in included(job.configuration, versions):
                writer.listed.add(version)
                if matches(version):
                    writer.add(version, is_latest=is_latest)
        return writer.finish()
