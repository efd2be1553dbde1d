# SPDX-License-Identifier: Apache-2.0
"""Reports put into a bucket by hand, as COS writes them, but for what a test wants to be wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator

DATE = "20261122"
COLUMNS = ("Appid", "Bucket", "Key", "Size")


@dataclass(frozen=True)
class Report:
    """
    A report in a bucket.

    :param folder: key below which it lies, without slash at the end
    :param checksum: MD5 of the manifest, 32 hex digits
    :param file_keys: of the data files
    """

    bucket: str
    folder: str
    manifest_key: str
    checksum: str
    file_keys: tuple[str, ...]


def packed(*rows: str | bytes) -> bytes:
    """Rows as a data file."""
    return gzip.compress(b"".join(row if isinstance(row, bytes) else row.encode() for row in rows))


def put_report(
    cos: COSEmulator,
    bucket: str,
    *files: bytes,
    folder: str = "inv/1250000000/examplebucket/mine",
    date: str = DATE,
    columns: Sequence[str] = COLUMNS,
    rows: int | None = None,
    changes: Mapping[str, Any] | None = None,
    written: datetime | None = None,
) -> Report:
    """
    Put data files, manifest and checksum.

    :param files: data files as stored
    :param rows: that the manifest says; default: it says nothing
    :param changes: of keys of the manifest; None takes one away
    :param written: when; default: now
    """
    entries = []
    for number, body in enumerate(files):
        key = f"{folder}/{number:032x}.csv.gz"
        cos.put_object(bucket, key, body, last_modified=written)
        entries.append({"key": key, "size": str(len(body)), "md5Checksum": _md5(body)})
    name, _, appid = bucket.rpartition("-")
    document = {
        "sourceAppid": "1250000000",
        "sourceBucket": "examplebucket",
        "destinationAppid": appid,
        "destinationBucket": name,
        "fileFormat": "CSV",
        "listObjectCount": None if rows is None else str(rows),
        "filterObjectCount": None if rows is None else str(rows),
        "fileSchema": ", ".join(columns),
        "files": entries,
        **(changes or {}),
    }
    manifest = json.dumps({key: value for key, value in document.items() if value is not None}).encode()
    manifest_key = f"{folder}/{date}/manifest.json"
    cos.put_object(bucket, manifest_key, manifest, last_modified=written)
    cos.put_object(bucket, f"{folder}/{date}/manifest.checksum", _md5(manifest).encode(), last_modified=written)
    keys = tuple(str(entry["key"]) for entry in entries)
    return Report(bucket, folder, manifest_key, _md5(manifest), keys)


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
