# SPDX-License-Identifier: Apache-2.0
"""
The values of a column as Arrow has them: of text that is plain as a whole, or of records.

Like ``record_columns`` it knows no rules of its own: text is turned into values by a quick way where that surely gives
what the record reader reads, and by the functions of the record reader for each distinct value where there are few.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import accumulate
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_provider_cosinv.inventory.rows.records import InventoryRecord, parse_boolean
from airflow_provider_cosinv.table.columns import Kind, TableColumn
from airflow_provider_cosinv.table.csv.arrow_keys import decoded_keys

_TIME = pa.timestamp("us", "UTC")
_TAGS = pa.map_(pa.string(), pa.string())
_TYPES = {
    Kind.KEY: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.ETAG: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.SIZE: pa.int64(),
    Kind.CRC64: pa.uint64(),
    Kind.TIME: _TIME,
    Kind.TAGS: _TAGS,
}
# ISO 8601 with each digit a 0, without its zone: what Arrow and the record reader read alike.
_PLAIN_TIME = re.compile(rb"0000-00-00[T ]00:00:00(\.0{1,6})?")
_ANY_DIGIT = re.compile(rb"[0-9]")
_ZERO = ord("0")
_ZONES = (b"Z", b"+00:00", b"+08:00")
# Before year 1 Python has no time.
_YEAR_1 = -62_135_596_800_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Tags, each with what it says: an object has at most ten, some kilobytes in all.
_REMEMBERED = 4096


def arrow_type(column: TableColumn) -> pa.DataType:
    """Return the Arrow type of a column's values."""
    return _TYPES[column.kind]


def from_text(column: TableColumn, texts: pa.StringArray, *, decodes_keys: bool = False) -> pa.Array | None:
    """
    Return the values of a column.

    :param column: of the table
    :param texts: the fields; null where it is empty
    :return: None where the record reader may read one of them in another way, or refuses it
    """
    try:
        values = _FROM_TEXT[column.kind](texts)
        return decoded_keys(values) if column.kind is Kind.KEY and decodes_keys and values is not None else values
    except (pa.ArrowInvalid, ValueError):
        return None


def from_records(column: TableColumn, records: Sequence[InventoryRecord], *, decodes_keys: bool = False) -> pa.Array:
    """
    Return the values of a column.

    :param column: of the table
    :param records: of the rows
    :param decodes_keys: as the objects have them; else they come percent-encoded
    """
    if column.kind is Kind.KEY:
        return pa.array(
            [record.key if decodes_keys else quote(record.key, safe="/") for record in records], pa.string()
        )
    return pa.array([_value(column, record) for record in records], arrow_type(column))


def _value(column: TableColumn, record: InventoryRecord) -> Any:
    if column.field is None:
        return record.metadata.get(column.source) or record.other.get(column.source)
    value = getattr(record, column.field)
    if column.kind is Kind.TAGS:
        return None if value is None else list(record.tags().items())
    if column.kind is Kind.TIME and value is not None:
        # Microseconds: Arrow does not take each time that Python takes.
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def _as_it_is(texts: pa.StringArray) -> pa.Array:
    return texts


def _unquoted(texts: pa.StringArray) -> pa.Array:
    if b'"' not in _joined(texts):
        return texts
    trimmed = pc.utf8_trim(texts, '"')
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _keys(texts: pa.StringArray) -> pa.Array | None:
    # An empty key is an error.
    return None if texts.null_count else texts


def _numbers(kind: pa.DataType) -> Callable[[pa.StringArray], pa.Array | None]:
    def read(texts: pa.StringArray) -> pa.Array | None:
        # Arrow takes -1, blanks and 0x10, too.
        digits = _joined(texts)
        return pc.cast(texts, kind) if not digits or digits.isdigit() else None

    return read


def _times(texts: pa.StringArray) -> pa.Array | None:
    count = len(texts) - texts.null_count
    if not count:
        return pa.nulls(len(texts), _TIME)
    joined = _joined(texts)
    length, rest = divmod(len(joined), count)
    first = joined[:length]
    zone = next((zone for zone in _ZONES if first.endswith(zone)), b"")
    shape = _ANY_DIGIT.sub(b"0", first.removesuffix(zone))
    if rest or not _PLAIN_TIME.fullmatch(shape):
        return None
    # All are of one shape, and in one zone; or they would not follow one another like that.
    characters = np.frombuffer(joined, np.uint8)
    may_differ = np.tile(np.frombuffer(shape.ljust(length), np.uint8) == _ZERO, count)
    is_like_first = characters == np.tile(characters[:length], count)
    if not (is_like_first | may_differ & (characters - _ZERO < len(string.digits))).all():
        return None
    # Without a zone it is UTC.
    moments = pc.cast(texts if zone else pc.cast(texts, pa.timestamp("us")), _TIME)
    return moments if pc.min(moments).value >= _YEAR_1 else None


def _booleans(texts: pa.StringArray) -> pa.Array:
    encoded = texts.dictionary_encode()
    read = [parse_boolean(text) for text in encoded.dictionary.to_pylist()]
    buffers = [_bits(value is not None for value in read), _bits(value is True for value in read)]
    return pc.take(pa.Array.from_buffers(pa.bool_(), len(read), buffers), encoded.indices)


def _tags(texts: pa.StringArray) -> pa.Array:
    encoded = texts.dictionary_encode()
    read = [_pairs(text) for text in encoded.dictionary.to_pylist()]
    names, values = (_strings([pair[part] for pairs in read for pair in pairs]) for part in (0, 1))
    ends = _ends(map(len, read))
    places = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
    return pc.take(pa.MapArray.from_arrays(places, names, values), encoded.indices)


# Of bytes: to make an array of a list, pyarrow imports pandas where it is installed, which takes a second.
def _bits(flags: Iterable[bool]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.fromiter(flags, np.bool_), bitorder="little"))


def _strings(texts: Sequence[str]) -> pa.StringArray:
    encoded = [text.encode() for text in texts]
    return pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(_ends(map(len, encoded))), pa.py_buffer(b"".join(encoded))
    )


def _ends(lengths: Iterable[int]) -> NDArray[np.int32]:
    return np.fromiter(accumulate(lengths, initial=0), np.int32)


@lru_cache(_REMEMBERED)
def _pairs(text: str) -> list[tuple[str, str]]:
    return list(InventoryRecord(key="", tag=text).tags().items())


def _joined(texts: pa.StringArray) -> bytes:
    """Return all texts, one behind the other."""
    _, places, data = texts.buffers()
    if data is None or not len(texts):
        return b""
    offsets = memoryview(places).cast("i")
    return bytes(memoryview(data)[offsets[texts.offset] : offsets[texts.offset + len(texts)]])


_FROM_TEXT: dict[Kind, Callable[[pa.StringArray], pa.Array | None]] = {
    Kind.KEY: _keys,
    Kind.TEXT: _as_it_is,
    Kind.ETAG: _unquoted,
    Kind.BOOLEAN: _booleans,
    Kind.SIZE: _numbers(pa.int64()),
    Kind.CRC64: _numbers(pa.uint64()),
    Kind.TIME: _times,
    Kind.TAGS: _tags,
}
