# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a ``manifest.json`` to a :class:`Manifest`, each value checked (436/30622)."""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.checksum import parse_checksum
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest

_NUMBER = re.compile(r"[0-9]+")
# JSON can escape half a surrogate pair, which no request can carry.
_SURROGATE = re.compile("[\ud800-\udfff]")
# A wrong value may be deeply nested or megabytes long: an error shows the front of it.
_SHOW = reprlib.Repr()
_SHOW.maxstring = _SHOW.maxother = _SHOW.maxlong = 200
_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[^/]*")
# More digits than any count or size has; Python converts thousands of them slowly or not at all.
_MAX_DIGITS = 20
_AGAIN = "Take the inventory again, under a new id."


@dataclass(frozen=True, kw_only=True)
class ManifestReader:
    """
    Reads one ``manifest.json``; see :func:`airflow_provider_cosinv.inventory.manifest.parse_manifest`.

    :param bucket: full name of the bucket it lies in
    :param region: the bucket's
    :param key: its key
    """

    bucket: str
    region: str
    key: str

    def read(self, body: bytes, checksum: str) -> Manifest:
        """Return the manifest, verified."""
        found = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if found != checksum:
            raise self._error(
                f"The manifest's MD5 is {found}, not {checksum}.",
                hint="Check that the checksum is that of manifest.checksum. Where it is, the report was damaged. "
                f"{_AGAIN}",
            )
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._error(f"The manifest is not JSON: {error}.") from error
        if not isinstance(data, dict):
            raise self._error("The manifest is not a JSON object.")
        file_format = data.get("fileFormat", "CSV")
        if not isinstance(file_format, str) or file_format.upper() != "CSV":
            raise self._error(f"The report's format is {_SHOW.repr(file_format)}; this package reads CSV.")
        self._check_destination(data)
        files, matched = self._files(data), self._matched(data)
        if matched and not files:
            # Whoever maps tasks over the files would process none and not notice.
            raise self._error(f"The manifest says {matched} rows and names no data file.")
        return Manifest(
            bucket=self.bucket,
            region=self.region,
            source_bucket=self._full_name(data, "source"),
            manifest_key=self.key,
            checksum=checksum,
            columns=self._columns(data),
            listed_objects=self._number(data, "listObjectCount"),
            listed_bytes=self._number(data, "listStorageSize"),
            matched_objects=matched,
            matched_bytes=self._number(data, "filterStorageSize"),
            files=files,
        )

    def _error(self, message: str, *, hint: str = _AGAIN) -> COSInventoryCorruptReportError:
        return COSInventoryCorruptReportError(message, bucket=self.bucket, key=self.key, hint=hint)

    def _full_name(self, data: dict[str, Any], side: str) -> str:
        name, appid = data.get(f"{side}Bucket"), data.get(f"{side}Appid")
        if not isinstance(name, str) or not name:
            raise self._error(f"{side}Bucket is {_SHOW.repr(name)}, which is no name.")
        if not isinstance(appid, (str, int, type(None))):
            raise self._error(f"{side}Appid is {_SHOW.repr(appid)}, which is no number.")
        # The first generation had no appid: the name was whole.
        return name if appid is None or name.endswith(f"-{appid}") else f"{name}-{appid}"

    def _check_destination(self, data: dict[str, Any]) -> None:
        stated = self._full_name(data, "destination")
        if stated not in (self.bucket, self.bucket.rpartition("-")[0]):
            raise self._error(f"The manifest is in {self.bucket}, but names {_SHOW.repr(stated)} as its bucket.")

    def _columns(self, data: dict[str, Any]) -> tuple[str, ...]:
        schema = data.get("fileSchema")
        columns = tuple(name.strip() for name in schema.split(",")) if isinstance(schema, str) else ()
        different = {name.lower() for name in columns}
        if "key" not in different or "" in different or len(different) < len(columns):
            raise self._error(
                f"fileSchema is {_SHOW.repr(schema)}, which is no list of different columns with Key among them."
            )
        return columns

    def _entries(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        files = data.get("files")
        if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
            raise self._error("files is missing or no list of objects.")
        return files

    def _files(self, data: dict[str, Any]) -> tuple[DataFile, ...]:
        files = tuple(self._file(entry) for entry in self._entries(data))
        if len({file.key for file in files}) < len(files):
            raise self._error("A data file stands twice among the files.")
        return files

    def _file(self, entry: dict[str, Any]) -> DataFile:
        key = entry.get("key")
        # <…>/<inventory id>/<date>/manifest.json: the data files lie below <…>/<inventory id>/.
        parts = self.key.split("/")
        folder = "/".join(parts[:-2] if len(parts) > 2 and _DATE.fullmatch(parts[-2]) else parts[:-1])  # noqa: PLR2004
        if not isinstance(key, str) or not key.startswith(f"{folder}/") or {".", ".."} & set(key.split("/")):
            raise self._error(f"The data file {_SHOW.repr(key)} does not lie below {folder}/.")
        if _SURROGATE.search(key):
            raise self._error(f"The key of the data file {_SHOW.repr(key)} is no Unicode.")
        stated = entry.get("md5Checksum", entry.get("MD5checksum"))
        md5 = parse_checksum(stated) if isinstance(stated, str) else None
        if md5 is None:
            raise self._error(f"The MD5 of the data file {_SHOW.repr(key)} is {_SHOW.repr(stated)}.")
        size = self._number(entry, "size")
        if size is None:
            raise self._error(f"The size of the data file {_SHOW.repr(key)} is missing.")
        return DataFile(key=key, size=size, md5=md5)

    def _matched(self, data: dict[str, Any]) -> int | None:
        stated = self._number(data, "filterObjectCount")
        if stated is not None:
            return stated
        rows = [self._number(entry, "inventoriedRecord") for entry in self._entries(data)]
        return _sum(rows)

    def _number(self, data: dict[str, Any], name: str) -> int | None:
        """Return a count or size: a string in today's manifests, an integer in the first ones."""
        value = data.get(name)
        if value is None:
            return None
        digits = str(value) if isinstance(value, (int, str)) else ""
        if not _NUMBER.fullmatch(digits) or len(digits) > _MAX_DIGITS:
            raise self._error(f"{name} is {_SHOW.repr(value)}, which is no number.")
        return int(digits)


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return sum(number for number in known if number is not None) if None not in known else None
