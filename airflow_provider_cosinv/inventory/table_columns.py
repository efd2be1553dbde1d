# SPDX-License-Identifier: Apache-2.0
"""
The columns of the table: what ``records.py`` says of them, as SQL of DuckDB.

Each guarded expression takes only a text that it surely reads as the record reader does, and raises for any other.
The data files are then rendered by the record reader itself and read with the plain expressions, so that there is one
behaviour: what is fast is never more than a part of what is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: In the text of DuckDB's error where an expression is not sure of a value.
NOT_SURE = "cos-inventory-not-sure"

_ODD = f"error('{NOT_SURE}')"

# $ stands for the text, which is NULL where the field is empty. What begins with a space sorts before '!': the record
# reader drops the spaces behind a comma and keeps those within quotes, which look the same here.
_TEXT = f"CASE WHEN $ < '!' THEN {_ODD} ELSE $ END"
_ETAG = f"CASE WHEN $ < '!' THEN {_ODD} WHEN contains($, '\"') THEN nullif(trim($, '\"'), '') ELSE $ END"
#: Of a key as a data file has it. url_decode leaves an escape that is none, and raises where the bytes are not UTF-8.
_DECODED = (
    "CASE WHEN NOT contains($, '%') THEN $"
    f" WHEN regexp_matches($, '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?\\z)', 's') THEN {_ODD}"
    f" ELSE coalesce(TRY(url_decode($)), {_ODD}) END"
)
_KEY = f"CASE WHEN $ IS NULL OR $ < '!' THEN {_ODD} ELSE {_DECODED} END"
_ENCODED_KEY = f"CASE WHEN $ IS NULL OR $ < '!' THEN {_ODD} ELSE $ END"
_BOOLEAN = (
    "CASE $ WHEN 'True' THEN true WHEN 'False' THEN false WHEN 'true' THEN true WHEN 'false' THEN false"
    " ELSE CASE lower($) WHEN 'true' THEN true WHEN 'false' THEN false WHEN '1' THEN true WHEN '0' THEN false"
    f" ELSE CASE WHEN $ IS NOT NULL THEN {_ODD} END END END"
)
# A cast takes ' 12', '1e3', '1_0' and '1.6' too; only digits come back as they were.
_INTEGER = (
    f"CASE WHEN TRY_CAST($ AS UBIGINT)::VARCHAR = $ THEN TRY_CAST($ AS UBIGINT) WHEN $ IS NOT NULL THEN {_ODD} END"
)
_SIZE = (
    "CASE WHEN TRY_CAST($ AS BIGINT)::VARCHAR = $ AND $ >= '0' THEN TRY_CAST($ AS BIGINT)"
    f" WHEN $ IS NOT NULL THEN {_ODD} END"
)
# The forms that are likely, in half the time of the regular expression. A cast would take an hour of 24 or of one
# digit behind a space; the bounds of the year and of the hour leave digits alone.
_LIKELY_TIME = (
    "$ >= '1' AND $ < '3' AND substr($, 12) >= '0' AND substr($, 12) < '24' AND ($ LIKE '____-__-__T__:__:__.___Z'"
    " OR NOT contains($, '.') AND $ LIKE '____-__-__T__:__:__Z' OR $ LIKE '____-__-__T__:__:__.___+08:00'"
    " OR NOT contains($, '.') AND $ LIKE '____-__-__T__:__:__+08:00')"
)
_ISO = r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):?[0-5]\d)?"
_TIME = (
    f"CASE WHEN {_LIKELY_TIME} OR $ >= '0002' AND regexp_full_match($, '{_ISO}')"
    f" THEN coalesce(TRY_CAST($ AS TIMESTAMPTZ), {_ODD})"
    " WHEN regexp_full_match($, '[0-9]{1,10}') THEN to_timestamp($::BIGINT)"
    f" WHEN $ IS NOT NULL THEN {_ODD} END"
)
_PAIRS = "list_filter(string_split(replace($, '+', ' '), '&'), lambda pair: pair <> '')"
_PAIR = (
    "{'k': url_decode(split_part(pair, '=', 1)), 'v': url_decode(substr(pair, length(split_part(pair, '=', 1)) + 2))}"
)
_TAG_MAP = f"map_from_entries(list_transform({_PAIRS}, lambda pair: {_PAIR}))"
_TAGS = (
    f"CASE WHEN $ IS NULL THEN NULL WHEN $ < '!' THEN {_ODD}"
    f" WHEN contains($, '%') AND regexp_matches($, '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?\\z)', 's') THEN {_ODD}"
    f" ELSE coalesce(TRY({_TAG_MAP}), {_ODD}) END"
)


class _Reading(NamedTuple):
    type: str
    guarded: str
    # Of what the record reader rendered.
    plain: str


_AS_TEXT = _Reading("VARCHAR", _TEXT, "$")
_AS_BOOLEAN = _Reading("BOOLEAN", _BOOLEAN, "$::BOOLEAN")
_AS_TIME = _Reading("TIMESTAMPTZ", _TIME, "$::TIMESTAMPTZ")

# By the name in lower case: the column, the field of the record, how it is read. The two spellings of two columns are
# one column of the table.
_KNOWN: dict[str, tuple[str, str, _Reading]] = {
    "appid": ("Appid", "appid", _AS_TEXT),
    "bucket": ("Bucket", "bucket", _AS_TEXT),
    "key": ("Key", "key", _Reading("VARCHAR", _KEY, "url_decode($)")),
    "versionid": ("VersionId", "version_id", _AS_TEXT),
    "islatest": ("IsLatest", "is_latest", _AS_BOOLEAN),
    "isdeletemarker": ("IsDeleteMarker", "is_delete_marker", _AS_BOOLEAN),
    "deletemarker": ("IsDeleteMarker", "is_delete_marker", _AS_BOOLEAN),
    "size": ("Size", "size", _Reading("BIGINT", _SIZE, "$::BIGINT")),
    "lastmodifieddate": ("LastModifiedDate", "last_modified", _AS_TIME),
    "lastmodifiedtime": ("LastModifiedDate", "last_modified", _AS_TIME),
    "etag": ("ETag", "etag", _Reading("VARCHAR", _ETAG, "$")),
    "storageclass": ("StorageClass", "storage_class", _AS_TEXT),
    "ismultipartuploaded": ("IsMultipartUploaded", "is_multipart_uploaded", _AS_BOOLEAN),
    "replicationstatus": ("ReplicationStatus", "replication_status", _AS_TEXT),
    "tag": ("Tag", "tag", _Reading("MAP(VARCHAR, VARCHAR)", _TAGS, f"CASE WHEN $ IS NOT NULL THEN {_TAG_MAP} END")),
    "crc64": ("Crc64", "crc64", _Reading("UBIGINT", _INTEGER, "$::UBIGINT")),
}

#: ``decode_key(text)``: a key, or a piece of one between slashes, as the object has it.
DECODE_KEY_MACRO = f"CREATE OR REPLACE TEMP MACRO decode_key(text) AS {_DECODED.replace('$', 'text')}"


@dataclass(frozen=True)
class TableColumn:
    """
    One column of the table.

    :param name: in the table: COS's usual spelling where the column is a known one
    :param source: the name in the schema of the report
    :param field: of the record; None where metadata, or what this release does not know
    :param type: of DuckDB
    :param guarded: SQL that makes the value of the field as it came, or raises where it is not sure
    :param plain: SQL that makes the value of the field as the record reader rendered it
    :param encoded: like ``guarded``, but a key stays percent-encoded
    """

    name: str
    source: str
    field: str | None
    type: str
    guarded: str
    plain: str
    encoded: str


def table_columns(columns: Sequence[str]) -> tuple[TableColumn, ...]:
    """
    Return the columns of the table, in the order of the report's, whose fields are ``c0``, ``c1`` and so on.

    :param columns: of the manifest
    """
    found = []
    for place, column in enumerate(columns):
        name, field, reading = _KNOWN.get(column.lower(), (column, None, _AS_TEXT))
        text = f"c{place}"
        found.append(
            TableColumn(
                name=name,
                source=column,
                field=field,
                type=reading.type,
                guarded=reading.guarded.replace("$", text),
                plain=reading.plain.replace("$", text),
                encoded=(_ENCODED_KEY if name == "Key" else reading.guarded).replace("$", text),
            )
        )
    return tuple(found)
