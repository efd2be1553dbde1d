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

# $ stands for the text of the field. What begins with a space sorts before '!': the record reader drops the spaces
# behind a comma and keeps those within quotes, which look the same here.
_TEXT = f"CASE WHEN $ >= '!' THEN $ WHEN $ <> '' THEN {_ODD} END"
_ETAG = (
    "CASE WHEN $ >= '!' THEN CASE WHEN contains($, '\"') THEN nullif(trim($, '\"'), '') ELSE $ END"
    f" WHEN $ <> '' THEN {_ODD} END"
)
_BAD_ESCAPE = "regexp_matches($, '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?\\z)', 's')"
#: Of a key as a data file has it. url_decode leaves an escape that is none, and raises where the bytes are not UTF-8.
_DECODED = (
    f"CASE WHEN NOT contains($, '%') THEN $ WHEN {_BAD_ESCAPE} THEN {_ODD}"
    f" ELSE coalesce(TRY(url_decode($)), {_ODD}) END"
)
# Decoded once, in a query below; @ stands for it. Where no % is left of it, each was of an escape.
_KEY_BELOW = "CASE WHEN contains($, '%') THEN TRY(url_decode($)) END"
_KEY = (
    f"CASE WHEN $ < '!' THEN {_ODD} WHEN NOT contains($, '%') THEN $ WHEN NOT contains(@, '%') THEN @"
    f" WHEN @ IS NULL OR {_BAD_ESCAPE} THEN {_ODD} ELSE @ END"
)
_ENCODED_KEY = f"CASE WHEN $ < '!' THEN {_ODD} ELSE $ END"
_BOOLEAN = (
    "CASE $ WHEN 'True' THEN true WHEN 'False' THEN false WHEN 'true' THEN true WHEN 'false' THEN false"
    " ELSE CASE lower($) WHEN 'true' THEN true WHEN 'false' THEN false WHEN '1' THEN true WHEN '0' THEN false"
    f" ELSE CASE WHEN $ <> '' THEN {_ODD} END END END"
)
# A cast takes ' 12', '1e3', '1_0' and '1.6' too; only digits come back as they were.
_INTEGER = f"CASE WHEN TRY_CAST($ AS UBIGINT)::VARCHAR = $ THEN TRY_CAST($ AS UBIGINT) WHEN $ <> '' THEN {_ODD} END"
_SIZE = (
    f"CASE WHEN TRY_CAST($ AS BIGINT)::VARCHAR = $ AND $ >= '0' THEN TRY_CAST($ AS BIGINT) WHEN $ <> '' THEN {_ODD} END"
)
_ISO = r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):?[0-5]\d)?"


def _likely_time(form: str, hours: int) -> str:
    """Read a time by its form, in a third of the time that the regular expression takes."""
    # strptime takes fewer digits, too: not where the length is that of all digits, and the first is one.
    length = len("2026-01-31T00:00:00") + len(form.replace("%g", "000"))
    zone = f" - {hours * 3_600_000_000}" if hours else ""
    return f" WHEN {length} THEN make_timestamptz(epoch_us(TRY_STRPTIME($, '%Y-%m-%dT%H:%M:%S{form}')){zone})"


_LIKELY_TIMES = "".join(
    _likely_time(form, hours) for form, hours in ((".%gZ", 0), ("Z", 0), (".%g+08:00", 8), ("+08:00", 8))
)
_OTHER_TIME = (
    f"CASE WHEN $ >= '0002' AND regexp_full_match($, '{_ISO}') THEN coalesce(TRY_CAST($ AS TIMESTAMPTZ), {_ODD})"
    f" WHEN regexp_full_match($, '[0-9]{{1,10}}') THEN to_timestamp($::BIGINT) WHEN $ <> '' THEN {_ODD} END"
)
_TIME = f"coalesce(CASE WHEN $ >= '1' THEN CASE strlen($){_LIKELY_TIMES} END END, {_OTHER_TIME})"
_PAIRS = "list_filter(string_split(replace($, '+', ' '), '&'), lambda pair: pair <> '')"
_PAIR = (
    "{'k': url_decode(split_part(pair, '=', 1)), 'v': url_decode(substr(pair, length(split_part(pair, '=', 1)) + 2))}"
)
_TAG_MAP = f"map_from_entries(list_transform({_PAIRS}, lambda pair: {_PAIR}))"
# Of tags with nothing to decode and no pair that is empty.
_PLAIN_PAIR = "{'k': split_part(pair, '=', 1), 'v': substr(pair, length(split_part(pair, '=', 1)) + 2)}"
_PLAIN_TAG_MAP = f"map_from_entries(list_transform(string_split($, '&'), lambda pair: {_PLAIN_PAIR}))"
_TAGS = (
    f"CASE WHEN $ = '' THEN NULL WHEN $ < '!' THEN {_ODD}"
    " WHEN NOT (contains($, '%') OR contains($, '+') OR contains($, '&&') OR starts_with($, '&') OR suffix($, '&'))"
    f" THEN coalesce(TRY({_PLAIN_TAG_MAP}), {_ODD})"
    f" WHEN contains($, '%') AND {_BAD_ESCAPE} THEN {_ODD} ELSE coalesce(TRY({_TAG_MAP}), {_ODD}) END"
)


class _Reading(NamedTuple):
    type: str
    guarded: str
    # Of what the record reader rendered.
    plain: str
    below: str | None = None


_AS_TEXT = _Reading("VARCHAR", _TEXT, "$")
_AS_BOOLEAN = _Reading("BOOLEAN", _BOOLEAN, "$::BOOLEAN")
_AS_TIME = _Reading("TIMESTAMPTZ", _TIME, "make_timestamptz($::BIGINT)")

# By the name in lower case: the column, the field of the record, how it is read. The two spellings of two columns are
# one column of the table.
_KNOWN: dict[str, tuple[str, str, _Reading]] = {
    "appid": ("Appid", "appid", _AS_TEXT),
    "bucket": ("Bucket", "bucket", _AS_TEXT),
    "key": ("Key", "key", _Reading("VARCHAR", _KEY, "url_decode($)", _KEY_BELOW)),
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

_NOT_ENCODED = f"error('{NOT_SURE}: decode_key() takes what is percent-encoded UTF-8, and this is not: ' || text)"
#: ``decode_key(text)``: a key, or a piece of one between slashes, as the object has it.
DECODE_KEY_MACRO = (
    "CREATE OR REPLACE TEMP MACRO decode_key(text) AS CASE WHEN text IS NOT NULL THEN"
    f" {_DECODED.replace('$', 'text').replace(_ODD, _NOT_ENCODED)} END"
)


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
    :param below: SQL of a field that ``guarded`` reads beside the one that came
    """

    name: str
    source: str
    field: str | None
    type: str
    guarded: str
    plain: str
    encoded: str
    below: str | None


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
                guarded=reading.guarded.replace("$", text).replace("@", f"d{place}"),
                plain=reading.plain.replace("$", f"nullif({text}, '')"),
                encoded=(_ENCODED_KEY if name == "Key" else reading.guarded).replace("$", text),
                below=None if reading.below is None else f"{reading.below.replace('$', text)} AS d{place}",
            )
        )
    return tuple(found)
