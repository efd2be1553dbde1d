# SPDX-License-Identifier: Apache-2.0
"""
The report of an inventory: data files, manifest and checksum (436/30622).

Written as the bucket is scanned, one row at a time, so that memory does not grow with the bucket.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from airflow_provider_cosinv.emulator.clock import iso_date
from airflow_provider_cosinv.emulator.settings import ReportDialect
from airflow_provider_cosinv.emulator.storage.bodies import Body, Spool, SpoolWriter
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.fields import BASE_FIELDS, VERSION_FIELDS
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.inventory.report.layout import checksum_key, manifest_key

# Fast rather than small: the file is read back on the same machine.
_GZIP_LEVEL = 3
_ROWS_PER_WRITE = 2000


@dataclass(frozen=True)
class ReportObject:
    """One object of a report, ready to be put into the destination."""

    key: str
    body: Body
    size: int
    md5: bytes
    crc64: int
    content_type: str
    rows: int = 0


@dataclass
class Counts:
    """Objects and their bytes."""

    objects: int = 0
    size: int = 0

    def add(self, version: ObjectVersion) -> None:
        """Count one more."""
        self.objects += 1
        self.size += version.size


@dataclass
class ReportWriter:
    """
    Writes one report.

    :param prefix: of its keys, without the slash at the end
    :param date: of its keys, ``YYYYMMDD``
    :param started: when the scan started, Unix seconds
    :param rows_per_file: at most
    """

    configuration: InventoryConfiguration
    source: BucketName
    prefix: str
    date: str
    started: float
    spool: Spool
    dialect: ReportDialect
    rows_per_file: int
    listed: Counts = field(default_factory=Counts)
    matched: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        """Get ready for the first row."""
        self._files: list[ReportObject] = []
        self._file: _DataFile | None = None
        self._columns = [_column(name, self.dialect) for name in self.configuration.optional_fields]
        self._all_versions = self.configuration.included_object_versions == "All"
        self._base = [self.source.appid, self.source.name]
        self._booleans = ("false", "true") if self.dialect.lower_booleans else ("False", "True")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        versions = VERSION_FIELDS if self._all_versions else ()
        return (*BASE_FIELDS, *versions, *self.configuration.optional_fields)

    def add(self, version: ObjectVersion, *, is_latest: bool) -> None:
        """Write one row."""
        self.matched.add(version)
        row = [*self._base, _encode_key(version.key)]
        if self._all_versions:
            booleans = self._booleans
            row += [version.version_id, booleans[is_latest], booleans[version.is_delete_marker]]
        row += [column(version) for column in self._columns]
        if self._file is None:
            self._file = _DataFile(self.spool, self.dialect)
        self._file.add(row)
        if self._file.rows >= self.rows_per_file:
            self._end_file()

    def finish(self) -> list[ReportObject]:
        """Return the objects of the report in the order in which they become visible, the checksum last."""
        if self._file is None and not self._files and self.dialect.empty_report == "empty-file":
            self._file = _DataFile(self.spool, self.dialect)
        self._end_file()
        manifest = json.dumps(self._manifest(), indent=1, ensure_ascii=False).encode()
        described = self._object(manifest_key(self.prefix, self.date), manifest, "application/json")
        checksum = self._checksum(described.md5).encode()
        stated = self._object(checksum_key(self.prefix, self.date), checksum, "text/plain")
        return [*self._files, described, stated]

    def discard(self) -> None:
        """Forget what was written."""
        if self._file is not None:
            self._file.writer.discard()

    def _end_file(self) -> None:
        if self._file is None:
            return
        key = f"{self.prefix}/{secrets.token_hex(16)}.csv.gz"
        self._files.append(_finished(key, self._file.close(), "application/gzip", self._file.rows))
        self._file = None

    def _object(self, key: str, data: bytes, content_type: str) -> ReportObject:
        writer = self.spool.writer()
        writer.write(data)
        return _finished(key, writer, content_type)

    def _checksum(self, md5: bytes) -> str:
        text = {
            "hex": md5.hex(),
            "HEX": md5.hex().upper(),
            "base64": base64.b64encode(md5).decode(),
        }[self.dialect.checksum]
        return text + "\n" if self.dialect.checksum_newline else text

    def _manifest(self) -> dict[str, Any]:
        destination = BucketName.parse(self.configuration.destination.bucket)
        schema = ", ".join(self.columns)
        if self.dialect.manifest == "historic":
            files = [
                {"key": file.key, "size": file.size, "MD5checksum": file.md5.hex(), "inventoriedRecord": file.rows}
                for file in self._files
            ]
            return {
                "sourceBucket": self.source.name,
                "destinationBucket": destination.name,
                "version": "2016-11-30",
                "creationTimestamp": str(int(self.started * 1000)),
                "fileFormat": "CSV",
                "fileSchema": schema,
                "files": files,
            }
        return {
            "sourceAppid": self.source.appid,
            "sourceBucket": self.source.name,
            "destinationAppid": destination.appid,
            "destinationBucket": destination.name,
            "fileFormat": "CSV",
            "listObjectCount": str(self.listed.objects),
            "listStorageSize": str(self.listed.size),
            "filterObjectCount": str(self.matched.objects),
            "filterStorageSize": str(self.matched.size),
            "fileSchema": schema,
            "files": [{"key": file.key, "size": str(file.size), "md5Checksum": file.md5.hex()} for file in self._files],
        }


class _DataFile:
    """One csv.gz file being written."""

    def __init__(self, spool: Spool, dialect: ReportDialect) -> None:
        self.rows = 0
        self.writer = spool.writer()
        self._gzip = gzip.GzipFile(fileobj=self.writer, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0)
        self._text = io.StringIO()
        self._csv = csv.writer(
            self._text,
            quoting=csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL,
            lineterminator="\r\n" if dialect.crlf else "\n",
        )

    def add(self, row: list[str]) -> None:
        self._csv.writerow(row)
        self.rows += 1
        if self.rows % _ROWS_PER_WRITE == 0:
            self._flush()

    def close(self) -> SpoolWriter:
        self._flush()
        self._gzip.close()
        return self.writer

    def _flush(self) -> None:
        self._gzip.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


def _finished(key: str, writer: SpoolWriter, content_type: str, rows: int = 0) -> ReportObject:
    body = writer.finish()
    return ReportObject(key, body, writer.size, writer.md5, writer.crc64, content_type, rows)


def _column(name: str, dialect: ReportDialect) -> Callable[[ObjectVersion], str]:
    if name.startswith("x-cos-meta-"):
        header = name.lower()
        return lambda version: version.headers.get(header, "")
    true, false = ("true", "false") if dialect.lower_booleans else ("True", "False")
    etag = '"{}"' if dialect.quoted_etag else "{}"
    columns: dict[str, Callable[[ObjectVersion], str]] = {
        "Size": lambda version: "" if version.is_delete_marker else str(version.size),
        "LastModifiedDate": lambda version: iso_date(version.last_modified, milliseconds=dialect.milliseconds),
        "ETag": lambda version: etag.format(version.etag) if version.etag else "",
        "StorageClass": (
            (lambda version: version.storage_class.capitalize())
            if dialect.capitalised_storage_class
            else (lambda version: version.storage_class)
        ),
        "IsMultipartUploaded": lambda version: true if version.is_multipart_uploaded else false,
        "ReplicationStatus": lambda version: version.replication_status,
        "Tag": lambda version: _encode_tags(version.tags),
        "Crc64": lambda version: "" if version.crc64 is None else str(version.crc64),
    }
    return columns[name]


# Neighbours share a folder, and objects their tags: encoding them once is a third of the time of a report.
@lru_cache(maxsize=4096)
def _encode_folder(folder: str) -> str:
    return quote(folder, safe="/-_.~")


def _encode_key(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    return f"{_encode_folder(folder)}{slash}{_encode(name)}"


@lru_cache(maxsize=4096)
def _encode_tags(tags: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{_encode(key)}={_encode(value)}" for key, value in tags)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
