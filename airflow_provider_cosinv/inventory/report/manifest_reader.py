# SPDX-License-Identifier: Apache-2.0
"""
From the bytes of a ``manifest.json`` to a :class:`Manifest`, each value checked (436/30622).

Whoever may write to the bucket writes what is read here. So no more is parsed at once than one entry of the list of
files, and the first that is not as it must be ends the reading. What comes out can travel through Airflow: numbers fit
63 bits, texts are short and valid Unicode.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, quoted, shown
from airflow_provider_cosinv.inventory.report.checksum import check_checksum, parse_checksum
from airflow_provider_cosinv.inventory.report.json_members import JSONMembers
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest

_NUMBER = re.compile(r"[0-9]+")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_APPID = re.compile(r"[0-9]{1,20}")
# JSON can escape half a surrogate pair, which no request can carry. COS names data files itself.
_NOT_IN_A_KEY = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[^/]*")
_MAX_DIGITS = 20
#: The largest number that Airflow's databases keep.
_LARGEST = 2**63 - 1
# COS has some 15 columns, and the headers of one object have room for some hundred more.
_MOST_COLUMNS = 1_000
# A manifest has some 10 members.
_MOST_MEMBERS = 100
_PIECE = 64 * 1024
_AGAIN = "Take the inventory again, under a new id."
_MEMBERS = frozenset(
    {
        *(f"{side}{what}" for side in ("source", "destination") for what in ("Bucket", "Appid")),
        *("fileFormat", "fileSchema", "files"),
        *("listObjectCount", "listStorageSize", "filterObjectCount", "filterStorageSize"),
    }
)


def parse_manifest(body: bytes, *, bucket: str, region: str, key: str, checksum: str) -> Manifest:
    """
    Read and verify a ``manifest.json``, of today's shape or of the first (2019).

    Its counts and sizes fit 63 bits, and its texts are valid Unicode: what is returned can be an XCom.

    :param body: the whole object
    :param bucket: full name of the bucket it lies in
    :param region: the bucket's
    :param key: the manifest's key; every data file must lie below the folder of its inventory
    :param checksum: the MD5 it must have, 32 hex digits
    :raises COSInventoryConfigurationError: where ``checksum`` is no MD5
    :raises COSInventoryCorruptReportError: where the MD5, the JSON or a value is wrong
    """
    return ManifestReader(bucket=bucket, region=region, key=key).read(body, check_checksum(checksum))


@dataclass(frozen=True, kw_only=True)
class ManifestReader:
    """
    Reads one ``manifest.json``; see :func:`airflow_provider_cosinv.inventory.report.manifest.parse_manifest`.

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
            raise COSInventoryCorruptReportError(
                f"The manifest's MD5 is {found}, not {checksum}.",
                bucket=self.bucket,
                key=self.key,
                # It tells this error from those of a manifest that is the right one, and damaged.
                parameter="checksum",
                hint="Check that the checksum is that of manifest.checksum. Where it is, the report was damaged. "
                f"{_AGAIN}",
            )
        files: list[DataFile] = []
        head = self.read_head(_pieces_of(body), checksum, each=files.append)
        return Manifest(**{**vars(head), "files": tuple(files)})

    def read_head(self, pieces: Iterable[bytes], checksum: str, *, each: Callable[[DataFile], None]) -> Manifest:
        """
        Return the manifest without its data files.

        :param pieces: its bytes, in small pieces, of which the MD5 is known
        :param checksum: that MD5, 32 hex digits
        :param each: is given each data file, checked
        """
        try:
            return self._read(JSONMembers(pieces), checksum, each)
        except ValueError as error:
            # One of the error tree is no ValueError here.
            raise self._error(f"The manifest is not JSON: {error}.") from None

    def _read(self, document: JSONMembers, checksum: str, each: Callable[[DataFile], None]) -> Manifest:
        data: dict[str, Any] = {}
        files = _Files()
        for number, name in enumerate(document.members()):
            if number == _MOST_MEMBERS or name in data:
                raise self._error(f"The manifest has more than {_MOST_MEMBERS:,} members, or one of them twice.")
            if name == "files" and document.begins_array():
                for entry in document.entries():
                    each(self._file(entry, files))
                data[name] = files
                continue
            value = document.value()
            # One that this release does not know may be of any kind.
            if name in _MEMBERS:
                data[name] = value
        return self._head(data, checksum)

    def _head(self, data: dict[str, Any], checksum: str) -> Manifest:
        file_format = data.get("fileFormat", "CSV")
        if not isinstance(file_format, str) or file_format.upper() != "CSV":
            raise self._error(f"The report's format is {quoted(file_format)}; this package reads CSV.")
        self._check_destination(data)
        files = data.get("files")
        if not isinstance(files, _Files):
            raise self._not_files()
        matched = self._number(data, "filterObjectCount")
        if matched is None:
            matched = files.rows
        if matched is not None and matched > _LARGEST:
            raise self._error(f"The data files have {matched} rows together, which is not a valid number.")
        if matched and not files.names:
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
            files=(),
        )

    def _error(self, message: str) -> COSInventoryCorruptReportError:
        return COSInventoryCorruptReportError(message, bucket=self.bucket, key=self.key, hint=_AGAIN)

    def _not_files(self) -> COSInventoryCorruptReportError:
        return self._error("files is missing or no list of objects.")

    def _full_name(self, data: dict[str, Any], side: str) -> str:
        name, appid = data.get(f"{side}Bucket"), data.get(f"{side}Appid")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self._error(f"{side}Bucket is {quoted(name)}, which is not a valid name.")
        # The first generation had no appid: the name was whole.
        if appid is None:
            return name
        digits = str(appid) if _is_short_number(appid) else ""
        if not _APPID.fullmatch(digits):
            raise self._error(f"{side}Appid is {quoted(appid)}, which is not a valid number.")
        return name if name.endswith(f"-{digits}") else f"{name}-{digits}"

    def _check_destination(self, data: dict[str, Any]) -> None:
        stated = self._full_name(data, "destination")
        if stated not in (self.bucket, self.bucket.rpartition("-")[0]):
            raise self._error(f"The manifest is in {self.bucket}, but names {quoted(stated)} as its bucket.")

    def _columns(self, data: dict[str, Any]) -> tuple[str, ...]:
        schema = data.get("fileSchema")
        text = schema if isinstance(schema, str) and schema.isprintable() else ""
        columns = tuple(name.strip() for name in text.split(","))
        different = {name.lower() for name in columns}
        if "key" not in different or "" in different or len(different) < len(columns) or len(columns) > _MOST_COLUMNS:
            raise self._error(
                f"fileSchema is {quoted(schema)}, which is not a list of different columns with Key among them."
            )
        return columns

    def _file(self, entry: Any, files: _Files) -> DataFile:
        """Return a data file, and count it."""
        if not isinstance(entry, dict):
            raise self._not_files()
        key = entry.get("key")
        folder = self._folder
        if not isinstance(key, str) or not key.startswith(folder) or {".", ".."} & set(key.split("/")):
            raise self._error(f"The data file {quoted(key)} does not lie below {shown(folder)}.")
        if _NOT_IN_A_KEY.search(key, len(folder)):
            raise self._error(f"The key of the data file {quoted(key)} is no Unicode, or has control characters.")
        stated = entry.get("md5Checksum", entry.get("MD5checksum"))
        md5 = parse_checksum(stated) if isinstance(stated, str) else None
        if md5 is None:
            raise self._error(f"The MD5 of the data file {quoted(key)} is {quoted(stated)}.")
        size = self._number(entry, "size")
        if size is None:
            raise self._error(f"The size of the data file {quoted(key)} is missing.")
        if not files.count(key, self._number(entry, "inventoriedRecord")):
            raise self._error("A data file stands twice among the files.")
        return DataFile(key=key, size=size, md5=md5)

    @cached_property
    def _folder(self) -> str:
        """The folder of the inventory, which all its data files lie below; with a slash at its end."""
        # <…>/<inventory id>/<date>/manifest.json: the data files lie below <…>/<inventory id>/.
        parts = self.key.split("/")
        within = parts[:-2] if len(parts) > 2 and _DATE.fullmatch(parts[-2]) else parts[:-1]  # noqa: PLR2004
        return "/".join([*within, ""])

    def _number(self, data: Mapping[str, Any], name: str) -> int | None:
        """Return a count or size: a string in today's manifests, an integer in the first ones."""
        value = data.get(name)
        if value is None:
            return None
        digits = str(value) if _is_short_number(value) else ""
        if not _NUMBER.fullmatch(digits) or int(digits) > _LARGEST:
            raise self._error(f"{name} is {quoted(value)}, which is not a number.")
        return int(digits)


@dataclass
class _Files:
    """
    Counts the data files.

    :param rows: of all; None if one does not say how many it has
    :param names: the hash of each key: of the keys themselves there may be some 100 MiB
    """

    rows: int | None = 0
    names: set[int] = field(default_factory=set)

    def count(self, key: str, rows: int | None) -> bool:
        """Count a file; return whether it is another than those before."""
        self.rows = None if self.rows is None or rows is None else self.rows + rows
        before = len(self.names)
        self.names.add(hash(key))
        return len(self.names) > before


def _is_short_number(value: object) -> bool:
    """Whether a value may be a number that takes no time to read: Python converts thousands of digits slowly."""
    if isinstance(value, str):
        return len(value) <= _MAX_DIGITS
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MAX_DIGITS


def _pieces_of(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
