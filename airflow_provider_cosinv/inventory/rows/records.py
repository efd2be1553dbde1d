# SPDX-License-Identifier: Apache-2.0
"""One typed row of a report, and how its columns are read (436/30622, "Inventory List Content")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from airflow_provider_cosinv.exceptions import quoted, shown
from airflow_provider_cosinv.inventory.fields import METADATA_PREFIX
from airflow_provider_cosinv.inventory.unix_time import read_unix_seconds

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INTEGER = re.compile(r"[0-9]+")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?\s*(?:(Z|UTC)|([+-]\d{2}):?(\d{2}))?", re.IGNORECASE
)
# Not all that email.utils takes: it reads CST, China's time, as America's.
_HTTP_DATE = re.compile(r"\w{3}, \d{1,2} \w{3} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|UTC|[+-]\d{4})", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
#: What the table's columns can hold: a record and a row of the table are the same.
SIZE_MAX = 2**63 - 1
CRC64_MAX = 2**64 - 1


class InventoryRecord(NamedTuple):
    """
    One object, or object version, of the source bucket; None where the report has no such column or no value.

    A named tuple, not a dataclass: a report has up to billions of them.

    :param key: decoded
    :param appid: of the source bucket's owner
    :param bucket: as COS writes it, which may be without the APPID
    :param size: bytes
    :param last_modified: aware
    :param etag: without quotes
    :param storage_class: as COS writes it, such as ``STANDARD`` or ``Standard``
    :param tag: the tags as COS writes them; :meth:`tags` reads them
    :param metadata: the ``x-cos-meta-*`` columns by name
    :param other: columns that this release does not know, as text, by name
    """

    key: str
    appid: str | None = None
    bucket: str | None = None
    version_id: str | None = None
    is_latest: bool | None = None
    is_delete_marker: bool | None = None
    size: int | None = None
    last_modified: datetime | None = None
    etag: str | None = None
    storage_class: str | None = None
    is_multipart_uploaded: bool | None = None
    replication_status: str | None = None
    tag: str | None = None
    crc64: int | None = None
    metadata: Mapping[str, str | None] = {}
    other: Mapping[str, str | None] = {}

    def tags(self) -> dict[str, str]:
        """
        Return the object's tags, read as ``key=value&key=value`` with percent-encoding.

        How COS writes them is not documented; :attr:`tag` has the text as it came.
        """
        return dict(parse_qsl(self.tag or "", keep_blank_values=True))


def decode_key(text: str) -> str:
    """
    Return a key as the object has it: percent-decoded, with ``+`` left alone.

    :raises ValueError: where a ``%`` does not begin an escape, or the bytes are not UTF-8: a key read in
        another way would name another object
    """
    if "%" not in text:
        return text
    if found := _BAD_ESCAPE.search(text):
        raise ValueError(f"{quoted(text)} has a % at character {found.start() + 1} that begins no escape")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(text)} is not UTF-8 when decoded") from error


#: Why a report's keys cannot be decoded.
BOTH_PLUS_FORMS = (
    "the report's keys have both + and %2B: they are form-encoded, where + is a blank and not a plus, and would name"
    " other objects than these"
)
#: A plus as percent-encoding writes it.
ESCAPED_PLUS = ("%2B", "%2b")


class PlusForms:
    """
    How the keys of a report write a plus: as it is, or as ``%2B``.

    COS documents no more than that keys are URL-encoded. Percent-encoding may do one or the other. A report that does
    both is form-encoded, where ``+`` is a blank: read as a plus, it would name another object. Threads share it.
    """

    def __init__(self) -> None:
        self.has_plus = False
        self.has_escaped_plus = False
        self._lock = Lock()

    def note(self, *, plus: bool, escaped_plus: bool) -> bool:
        """
        Note what some keys have, unless the report would have both with them.

        :return: False where it would
        """
        if not plus and not escaped_plus:
            return True
        with self._lock:
            plus, escaped_plus = plus or self.has_plus, escaped_plus or self.has_escaped_plus
            if plus and escaped_plus:
                return False
            self.has_plus, self.has_escaped_plus = plus, escaped_plus
        return True

    def note_text(self, text: str) -> bool:
        """Note what a text of keys has; otherwise as :meth:`note`."""
        return self.note(plus="+" in text, escaped_plus="%" in text and any(form in text for form in ESCAPED_PLUS))


def parse_timestamp(text: str) -> datetime:
    """
    Return a time as an aware one: ISO 8601, an HTTP date or Unix seconds. Without a zone it is UTC.

    The format is not documented; these are what COS writes elsewhere.
    """
    if match := _ISO.fullmatch(text):
        day, clock, fraction, _, hours, minutes = match.groups()
        micros = (fraction or "")[:6].ljust(6, "0")
        zone = f"{hours}:{minutes}" if hours else "+00:00"
        return datetime.fromisoformat(f"{day}T{clock}.{micros}{zone}")
    if since_1970 := read_unix_seconds(text):
        return since_1970
    if _HTTP_DATE.fullmatch(text):
        # A zone of -0000 gives a naive time.
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    raise ValueError(f"{quoted(text)} is not a known timestamp format")


def parse_boolean(text: str) -> bool:
    """Return a boolean, whatever its case."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(f"{quoted(text)} is not a boolean") from None


def parse_size(text: str) -> int:
    """Return a number of bytes, of digits alone."""
    return _parse_integer(text, SIZE_MAX)


def parse_crc64(text: str) -> int:
    """Return a checksum, of digits alone."""
    return _parse_integer(text, CRC64_MAX)


def _parse_integer(text: str, largest: int) -> int:
    # Python's int would take 1_0 and +1 too, and refuses thousands of digits.
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a number")
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(largest)) or int(digits) > largest:
        raise ValueError(f"{quoted(text)} is too large")
    return int(digits)


def unquoted(text: str) -> str | None:
    """Return an ETag without the quotes that HTTP puts around it."""
    return text.strip('"') or None


# Column, field, reader. A page and the console differ in the spelling of the delete marker's column.
_COLUMNS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "appid": ("appid", str),
    "bucket": ("bucket", str),
    "key": ("key", decode_key),
    "versionid": ("version_id", str),
    "islatest": ("is_latest", parse_boolean),
    "isdeletemarker": ("is_delete_marker", parse_boolean),
    "deletemarker": ("is_delete_marker", parse_boolean),
    "size": ("size", parse_size),
    "lastmodifieddate": ("last_modified", parse_timestamp),
    "lastmodifiedtime": ("last_modified", parse_timestamp),
    "etag": ("etag", unquoted),
    "storageclass": ("storage_class", str),
    "ismultipartuploaded": ("is_multipart_uploaded", parse_boolean),
    "replicationstatus": ("replication_status", str),
    "tag": ("tag", str),
    "crc64": ("crc64", parse_crc64),
}


class RowReader:
    """
    Turns the rows of one schema into records.

    :param columns: the names of the schema, in order
    :param plus_forms: of the report; default: these rows are a report of their own
    """

    def __init__(self, columns: Sequence[str], *, plus_forms: PlusForms | None = None) -> None:
        self.columns = tuple(columns)
        self.plus_forms = plus_forms or PlusForms()
        positions = {name: place for place, name in enumerate(InventoryRecord._fields)}
        #: Place in the record, index of the column, reader of its values.
        self.typed: list[tuple[int, int, Callable[[str], Any]]] = []
        #: Index and name of the columns that go into one mapping.
        self.metadata: list[tuple[int, str]] = []
        self.other: list[tuple[int, str]] = []
        for index, column in enumerate(self.columns):
            if known := _COLUMNS.get(column.lower()):
                self.typed.append((positions[known[0]], index, known[1]))
            elif column.lower().startswith(METADATA_PREFIX):
                self.metadata.append((index, column))
            else:
                self.other.append((index, column))
        self.metadata_place = positions["metadata"]
        self.other_place = positions["other"]
        #: A record of no columns.
        self.empty: list[Any] = [None] * len(positions)
        self.empty[self.metadata_place] = self.empty[self.other_place] = {}

    def read(self, row: Sequence[str]) -> InventoryRecord:
        """
        Return one row as a record; an empty field is None.

        :param row: the fields as text
        :raises ValueError: where the number of fields or a value is wrong; the text says which
        """
        if len(row) != len(self.columns):
            raise ValueError(f"it has {len(row)} fields, the schema has {len(self.columns)}")
        values = self.empty.copy()
        for place, index, parse in self.typed:
            if text := row[index]:
                try:
                    values[place] = parse(text)
                    if place == 0 and not self.plus_forms.note_text(text):
                        raise ValueError(BOTH_PLUS_FORMS)
                except (ValueError, OverflowError, OSError, TypeError) as error:
                    raise ValueError(f"{shown(self.columns[index])}: {error}") from error
        if not values[0]:
            raise ValueError("Key is empty")
        if self.metadata:
            values[self.metadata_place] = {name: row[index] or None for index, name in self.metadata}
        if self.other:
            values[self.other_place] = {name: row[index] or None for index, name in self.other}
        return InventoryRecord._make(values)
