# SPDX-License-Identifier: Apache-2.0
"""
The columns of the table: what ``records.py`` says of them, as types of DuckDB.

All values come to DuckDB typed but the keys, which come percent-encoded: a query that needs a piece of a key, or none
of it, then decodes no more than it needs. The guarded expression takes only a text that it surely decodes as the record
reader does, and raises for any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

#: In the text of DuckDB's error where an expression is not sure of a value.
NOT_SURE = "cos-inventory-not-sure"

_ODD = f"error('{NOT_SURE}')"

# $ stands for the text of the field.
_BAD_ESCAPE = "regexp_matches($, '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?\\z)', 's')"
#: Of a key as a data file has it. url_decode leaves an escape that is none, and raises where the bytes are not UTF-8.
_DECODED = (
    f"CASE WHEN NOT contains($, '%') THEN $ WHEN {_BAD_ESCAPE} THEN {_ODD}"
    f" ELSE coalesce(TRY(url_decode($)), {_ODD}) END"
)
# Decoded once, in a query below; @ stands for it. Where no % is left of it, each was of an escape.
_KEY_BELOW = "CASE WHEN contains($, '%') THEN TRY(url_decode($)) END"
_KEY = (
    "CASE WHEN NOT contains($, '%') THEN $ WHEN NOT contains(@, '%') THEN @"
    f" WHEN @ IS NULL OR {_BAD_ESCAPE} THEN {_ODD} ELSE @ END"
)

_NOT_ENCODED = f"error('{NOT_SURE}: decode_key() takes what is percent-encoded UTF-8, and this is not: ' || text)"
#: ``decode_key(text)``: a key, or a piece of one between slashes, as the object has it.
DECODE_KEY_MACRO = (
    "CREATE OR REPLACE TEMP MACRO decode_key(text) AS CASE WHEN text IS NOT NULL THEN"
    f" {_DECODED.replace('$', 'text').replace(_ODD, _NOT_ENCODED)} END"
)


class Kind(Enum):
    """What a column holds; the value is its type in DuckDB."""

    KEY = "VARCHAR", "a key"
    TEXT = "VARCHAR", "any text"
    ETAG = "VARCHAR", "an ETag"
    BOOLEAN = "BOOLEAN", "a boolean"
    SIZE = "BIGINT", "a number of bytes"
    CRC64 = "UBIGINT", "a checksum"
    TIME = "TIMESTAMPTZ", "a time"
    TAGS = "MAP(VARCHAR, VARCHAR)", "tags"

    @property
    def type(self) -> str:
        """The type in DuckDB."""
        return self.value[0]


# By the name in lower case: the column, the field of the record, what it holds. The two spellings of two columns are
# one column of the table.
_KNOWN: dict[str, tuple[str, str, Kind]] = {
    "appid": ("Appid", "appid", Kind.TEXT),
    "bucket": ("Bucket", "bucket", Kind.TEXT),
    "key": ("Key", "key", Kind.KEY),
    "versionid": ("VersionId", "version_id", Kind.TEXT),
    "islatest": ("IsLatest", "is_latest", Kind.BOOLEAN),
    "isdeletemarker": ("IsDeleteMarker", "is_delete_marker", Kind.BOOLEAN),
    "deletemarker": ("IsDeleteMarker", "is_delete_marker", Kind.BOOLEAN),
    "size": ("Size", "size", Kind.SIZE),
    "lastmodifieddate": ("LastModifiedDate", "last_modified", Kind.TIME),
    "lastmodifiedtime": ("LastModifiedDate", "last_modified", Kind.TIME),
    "etag": ("ETag", "etag", Kind.ETAG),
    "storageclass": ("StorageClass", "storage_class", Kind.TEXT),
    "ismultipartuploaded": ("IsMultipartUploaded", "is_multipart_uploaded", Kind.BOOLEAN),
    "replicationstatus": ("ReplicationStatus", "replication_status", Kind.TEXT),
    "tag": ("Tag", "tag", Kind.TAGS),
    "crc64": ("Crc64", "crc64", Kind.CRC64),
}


@dataclass(frozen=True)
class TableColumn:
    """
    One column of the table.

    :param place: in the report, from 0
    :param name: in the table: COS's usual spelling where the column is a known one
    :param source: the name in the schema of the report
    :param field: of the record; None where metadata, or what this release does not know
    :param kind: what it holds
    """

    place: int
    name: str
    source: str
    field: str | None
    kind: Kind

    @property
    def feed_name(self) -> str:
        """The name under which its values come to DuckDB."""
        return f"c{self.place}"

    @property
    def field_feed_name(self) -> str:
        """The name under which its fields come to DuckDB, as COS wrote them."""
        return f"f{self.place}"

    @property
    def field_name(self) -> str:
        """The name of the column with its fields as COS wrote them; a report has no column with a comma in its name."""
        return f"as written, {self.place}"

    @property
    def value(self) -> str:
        """SQL that makes the value of the column of what comes; of a key it reads ``below``, too."""
        return _KEY.replace("$", self.feed_name).replace("@", f"d{self.place}") if self.below else self.feed_name

    @property
    def below(self) -> str | None:
        """SQL of a field that ``value`` reads beside the one that comes."""
        return f"{_KEY_BELOW.replace('$', self.feed_name)} AS d{self.place}" if self.kind is Kind.KEY else None


def table_columns(columns: Sequence[str]) -> tuple[TableColumn, ...]:
    """
    Return the columns of the table, in the order of the report's.

    :param columns: of the manifest
    """
    found = []
    for place, source in enumerate(columns):
        name, field, kind = _KNOWN.get(source.lower(), (source, None, Kind.TEXT))
        found.append(TableColumn(place, name, source, field, kind))
    return tuple(found)
