# SPDX-License-Identifier: Apache-2.0
"""Reports made of bytes, and tables of them, without any network."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import DataFile, InventoryRecord, Manifest
from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from airflow_provider_cosinv.table.csv.report_table import OpenFile, ReportTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine

BUCKET = "inventorybucket-1250000000"
MANIFEST = "reports/manifest.json"
COLUMNS = ("Appid", "Bucket", "Key", "Size")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def report_of(
    bodies: Sequence[bytes], *, columns: Sequence[str] = COLUMNS, rows: int | None = None, manifest_key: str = MANIFEST
) -> Manifest:
    """The manifest of some stored bodies."""
    return Manifest(
        bucket=BUCKET,
        region="ap-guangzhou",
        source_bucket="examplebucket-1250000000",
        manifest_key=manifest_key,
        checksum=hashlib.md5(manifest_key.encode()).hexdigest(),
        columns=tuple(columns),
        listed_objects=rows,
        listed_bytes=None,
        matched_objects=rows,
        matched_bytes=None,
        files=tuple(
            DataFile(key=f"reports/{place}.csv.gz", size=len(body), md5=hashlib.md5(body).hexdigest())
            for place, body in enumerate(bodies)
        ),
    )


def chunked(body: bytes, size: int = 65536) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def opening(bodies: Sequence[bytes]) -> Callable[[DataFile], Iterable[bytes]]:
    """What gives the bytes of the files of :func:`report_of`."""
    return lambda file: chunked(bodies[int(file.key.split("/")[1].split(".")[0])])


def table_of(
    engine: Engine,
    bodies: Sequence[bytes],
    *,
    columns: Sequence[str] = COLUMNS,
    rows: int | None = None,
    open_file: OpenFile | None = None,
    **how: Any,
) -> ReportTable:
    report = report_of(bodies, columns=columns, rows=rows)
    return ReportTable(engine=engine, report=report, open_file=open_file or opening(bodies), **how)


@contextmanager
def opened(bodies: Sequence[bytes], **how: Any) -> Iterator[ReportTable]:
    """A table of some stored bodies, with an engine of its own."""
    with open_engine(EngineSettings(threads=2)) as engine:
        yield table_of(engine, bodies, **how)


def some_rows(count: int, *, prefix: str = "k") -> bytes:
    """A stored body of rows of :data:`COLUMNS`, whose sizes are 0 to 9."""
    return gzip.compress("".join(f"1,b,{prefix}/{n},{n % 10}\n" for n in range(count)).encode(), 1)


def records_of(body: bytes, columns: Sequence[str]) -> list[InventoryRecord] | COSInventoryCorruptReportError:
    """What the record reader makes of a stored body."""
    (file,) = report_of([body]).files
    try:
        return list(read_records(chunked(body), file=file, bucket=BUCKET, columns=tuple(columns)))
    except COSInventoryCorruptReportError as error:
        return error


_FIELDS = {
    "Appid": "appid",
    "Bucket": "bucket",
    "VersionId": "version_id",
    "IsLatest": "is_latest",
    "IsDeleteMarker": "is_delete_marker",
    "Size": "size",
    "ETag": "etag",
    "StorageClass": "storage_class",
    "IsMultipartUploaded": "is_multipart_uploaded",
    "ReplicationStatus": "replication_status",
    "Crc64": "crc64",
}


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def row_of(record: InventoryRecord, columns: Sequence[str]) -> dict[str, Any]:
    """The row of the table that a record has to be, with its time in microseconds since 1970."""
    row: dict[str, Any] = {}
    for column in columns:
        if column == "Key":
            row[column] = record.key
        elif column == "LastModifiedDate":
            moment = record.last_modified
            row[column] = moment and microseconds(moment)
        elif column == "Tag":
            row[column] = None if record.tag is None else record.tags()
        elif column in _FIELDS:
            row[column] = getattr(record, _FIELDS[column])
        else:
            row[column] = record.metadata.get(column) or record.other.get(column)
    return row


def in_any_order(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(repr({name: row[name] for name in sorted(row)}) for row in rows)
