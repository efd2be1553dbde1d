# SPDX-License-Identifier: Apache-2.0
"""Reports, through a client: found, read, verified. The blocking half; ``triggers`` has the async one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryNotFoundError
from airflow_provider_cosinv.inventory.datafile import read_records
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest, as_data_file, parse_manifest
from airflow_provider_cosinv.inventory.records import InventoryRecord
from airflow_provider_cosinv.inventory.search import MANIFEST_MAX_BYTES, Found, ReportSearch, Sighting, Wanted, look

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

_CHUNK_BYTES = 256 * 1024


def find_report(client: COSClient, search: ReportSearch, *, grace: float) -> Sighting:
    """Look once for a report; see :meth:`COSInventoryHook.find_report`."""
    steps = look(search, grace=timedelta(seconds=grace))
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(_fetch(client, wanted))
    except StopIteration as end:
        sighting: Sighting = end.value
        return sighting


def _fetch(client: COSClient, wanted: Wanted) -> Found | None:
    try:
        content = client.get_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes)
    except COSInventoryNotFoundError as error:
        if error.code == "NoSuchBucket":
            raise
        return None
    return Found(
        body=b"" if wanted.digest_only else content.body,
        md5=hashlib.md5(content.body, usedforsecurity=False).hexdigest(),
        last_modified=content.info.last_modified,
        server_time=content.info.server_time,
    )


def read_manifest(client: COSClient, *, bucket: str, region: str, key: str, md5: str) -> Manifest:
    """Return a manifest, verified; see :meth:`COSInventoryHook.read_manifest`."""
    body = client.get_object(bucket, key, max_bytes=MANIFEST_MAX_BYTES).body
    return parse_manifest(body, bucket=bucket, region=region, key=key, checksum=md5)


def read_report(
    client: COSClient, report: Manifest, files: Iterable[DataFile | Mapping[str, Any]] | None
) -> Iterator[InventoryRecord]:
    """Yield the rows of a report or of some of its files; see :meth:`COSInventoryHook.iter_records`."""
    chosen = report.files if files is None else tuple(as_data_file(file) for file in files)
    rows = 0
    for file in chosen:
        chunks = client.stream_object(report.bucket, file.key, chunk_size=_CHUNK_BYTES)
        for record in read_records(chunks, file=file, bucket=report.bucket, columns=report.columns):
            rows += 1
            yield record
    if files is None and report.matched_objects is not None and rows != report.matched_objects:
        raise COSInventoryCorruptReportError(
            f"The data files have {rows} rows, the manifest says {report.matched_objects}.",
            bucket=report.bucket,
            key=report.manifest_key,
            hint="Take the inventory again, under a new id.",
        )
