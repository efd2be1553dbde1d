# SPDX-License-Identifier: Apache-2.0
"""Reports, through a client: found, read, verified. The blocking half; ``triggers`` has the async one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryRequestError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.inventory.report.checksum import check_checksum
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest, as_data_file
from airflow_provider_cosinv.inventory.report.manifest_reader import parse_manifest
from airflow_provider_cosinv.inventory.report.search import (
    MANIFEST_MAX_BYTES,
    Found,
    ReportSearch,
    Sighting,
    Wanted,
    look,
)
from airflow_provider_cosinv.inventory.rows.record_reader import read_record_batches
from airflow_provider_cosinv.inventory.rows.records import InventoryRecord, PlusForms
from airflow_provider_cosinv.inventory.rows.verified_bytes import Inflater

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

_CHUNK_BYTES = 256 * 1024


def find_report(client: COSClient, search: ReportSearch, *, grace: float) -> Sighting:
    """Look once for a report; see :meth:`COSInventoryHook.find_report`."""
    return _look(client, search, grace)[0]


def find_manifest(client: COSClient, search: ReportSearch, *, grace: float) -> tuple[Sighting, Manifest | None]:
    """
    Look once for a report, and read its manifest where it is ready: the very bytes that were looked at.

    :raises COSInventoryError: as :meth:`COSInventoryHook.find_report` and :meth:`COSInventoryHook.read_manifest`
    """
    sighting, body = _look(client, search, grace)
    if sighting.manifest_key is None or sighting.checksum is None:
        return sighting, None
    manifest = parse_manifest(
        body, bucket=search.bucket, region=search.region, key=sighting.manifest_key, checksum=sighting.checksum
    )
    return sighting, manifest


def _look(client: COSClient, search: ReportSearch, grace: float) -> tuple[Sighting, bytes]:
    """Look once; return what was seen and the last body that was read: of a report that is ready, its manifest."""
    steps = look(search, grace=timedelta(seconds=grace))
    body = b""
    try:
        wanted = next(steps)
        while True:
            found = _fetch(client, wanted)
            body = found.body if found else b""
            wanted = steps.send(found)
    except StopIteration as end:
        return end.value, body


def _fetch(client: COSClient, wanted: Wanted) -> Found | None:
    try:
        content = client.get_object(wanted.bucket, wanted.key, max_bytes=wanted.max_bytes)
    except COSInventoryNotFoundError as error:
        check_absent(error)
        return None
    return Found(
        body=content.body,
        md5=hashlib.md5(content.body, usedforsecurity=False).hexdigest(),
        last_modified=content.info.last_modified,
        server_time=content.info.server_time,
        content_encoding=content.info.content_encoding,
    )


def check_absent(error: COSInventoryNotFoundError) -> None:
    """
    Return where an error means that an object is not there yet.

    :raises COSInventoryNotFoundError: where the bucket is missing
    :raises COSInventoryTransientError: where it was not COS that answered, which always sends a request id
    """
    if error.code == "NoSuchBucket":
        raise error
    if error.code is None and error.request_id is None:
        details = {
            **error.details(),
            "hint": "Check endpoint_url and proxies: a gateway may have answered in the place of COS.",
        }
        raise COSInventoryTransientError("The answer 404 is not one of COS.", **details) from error


def is_unreadable(error: COSInventoryRequestError) -> bool:
    """
    Whether an error is about this object alone, which is there: it was archived, or is longer than is read of it.

    Any other one may be about the bucket, the caller or the way to COS.
    """
    # COS may put the code into the message below a plain AccessDenied; an answer that is no refusal was too long.
    return "InvalidObjectState" in f"{error.code} {error.message}" or error.status == HTTPStatus.OK


def read_manifest(client: COSClient, *, bucket: str, region: str, key: str, md5: str) -> Manifest:
    """Return a manifest, verified; see :meth:`COSInventoryHook.read_manifest`."""
    md5 = check_checksum(md5)  # before anything is sent
    content = client.get_object(bucket, key, max_bytes=MANIFEST_MAX_BYTES)
    found = hashlib.md5(content.body, usedforsecurity=False).hexdigest()
    if content.info.content_encoding and found != md5:
        raise COSInventoryCorruptReportError(
            f"The manifest's MD5 is {found}, not {md5}, and the answer has Content-Encoding "
            f"{shown(content.info.content_encoding)}.",
            bucket=bucket,
            key=key,
            parameter="checksum",
            hint="Turn off compression in the gateway or proxy between here and COS.",
        )
    return parse_manifest(content.body, bucket=bucket, region=region, key=key, checksum=md5)


def read_report(
    client: COSClient,
    report: Manifest,
    files: Iterable[DataFile | Mapping[str, Any]] | None,
    *,
    inflater: Inflater | None = None,
) -> Iterator[InventoryRecord]:
    """Yield the rows of a report or of some of its files; see :meth:`COSInventoryHook.iter_records`."""
    chosen = report.files if files is None else tuple(as_data_file(file) for file in files)
    expected = report.matched_objects if files is None else None
    rows = 0
    plus_forms = PlusForms()
    for file in chosen:
        chunks = client.stream_object(report.bucket, file.key, chunk_size=_CHUNK_BYTES, size=file.size)
        for batch in read_record_batches(
            chunks, file=file, bucket=report.bucket, columns=report.columns, plus_forms=plus_forms, inflater=inflater
        ):
            if expected is not None and rows + batch.size > expected:
                yield from islice(batch.records, expected - rows)
                raise _miscounted(report, f"more than {expected}")
            rows += batch.size
            yield from batch.records
    if expected is not None and rows != expected:
        raise _miscounted(report, str(rows))


def _miscounted(report: Manifest, rows: str) -> COSInventoryCorruptReportError:
    return COSInventoryCorruptReportError(
        f"The data files have {rows} rows, the manifest says {report.matched_objects}.",
        bucket=report.bucket,
        key=report.manifest_key,
        hint="Take the inventory again, under a new id.",
    )
