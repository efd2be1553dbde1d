# SPDX-License-Identifier: Apache-2.0
"""
Some hundred rows of a report read a column at a time.

It knows no rules of its own: a column that is plain as a whole is read by a quick way to what ``records`` would make of
it, and of any other the values are read one by one.
"""

from __future__ import annotations

import binascii
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import repeat
from typing import Any

from airflow_provider_cosinv.inventory.rows.records import (
    CRC64_MAX,
    SIZE_MAX,
    InventoryRecord,
    RowReader,
    decode_key,
    parse_boolean,
    parse_crc64,
    parse_size,
    parse_timestamp,
    unquoted,
)

_ANY_DIGIT_0 = str.maketrans("123456789", "000000000")
# What ISO 8601 looks like with each digit a 0, and what to replace so that Python 3.10 reads it too.
_TIMES = {
    f"0000-00-00{t}00:00:00{fraction}{zone}": replaced
    for t, fraction, (zone, replaced) in itertools.product(
        "T ", ("", ".000", ".000000"), (("Z", "Z"), ("", "\n"), ("+00:00", ""), ("-00:00", ""))
    )
}
_BOOLEANS = {"": None} | {
    spelled: parse_boolean(spelled)
    for text in ("true", "false", "0", "1")
    for spelled in (text, text.title(), text.upper())
}


class ColumnReader:
    """
    Turns columns into records, as a reader of rows would.

    :param rows: the reader of rows
    """

    def __init__(self, rows: RowReader) -> None:
        self._rows = rows
        # Of two columns for one field, each row decides.
        self._one_each = len({place for place, _, _ in rows.typed}) == len(rows.typed)

    def read(self, columns: Sequence[Sequence[str]]) -> Iterator[InventoryRecord] | None:
        """
        Return the rows of these columns as records.

        :param columns: as many as the schema has, all of one length
        :return: None where a row of them may be wrong: the reader of rows tells which, and why
        """
        if not self._one_each:
            return None
        fields: list[Iterable[Any]] = [repeat(value) for value in self._rows.empty]
        try:
            for place, index, parse in self._rows.typed:
                fields[place] = _read_column(parse, columns[index])
                if place == 0 and not self._rows.plus_forms.note_text("\0".join(columns[index])):
                    return None
        except (ValueError, OverflowError, OSError, TypeError):
            return None
        keys, *_ = fields
        if isinstance(keys, repeat) or not all(keys):
            return None
        if self._rows.metadata:
            fields[self._rows.metadata_place] = _read_named(self._rows.metadata, columns)
        if self._rows.other:
            fields[self._rows.other_place] = _read_named(self._rows.other, columns)
        return map(tuple.__new__, repeat(InventoryRecord), zip(*fields))  # noqa: B905  what repeats has no end


def _read_column(parse: Callable[[str], Any], column: Sequence[str]) -> Sequence[Any]:
    """Return the values of a column; None for an empty field."""
    quick = _QUICK.get(parse)
    values = quick(column) if quick else None
    return [parse(text) if text else None for text in column] if values is None else values


def _read_named(
    named: Sequence[tuple[int, str]], columns: Sequence[Sequence[str]]
) -> Sequence[Mapping[str, str | None]]:
    names = [name for _, name in named]
    values = [_quick_texts(columns[index]) for index, _ in named]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


# Each quick way returns None for a column that is not plain.


def _quick_keys(column: Sequence[str]) -> Sequence[str] | None:
    joined = "\0".join(column)
    if "%" not in joined:
        return column
    # Quoted-printable is percent-encoding with another sign, but for what it does at a line end. An escape makes one
    # byte of three, and what is none is kept or loses one byte, so that the length tells whether all were escapes.
    escaped = joined.encode().replace(b"=", b"%3D").replace(b"%", b"=")
    if b"\n" in escaped or b"\r" in escaped:
        return None
    decoded = binascii.a2b_qp(escaped)
    if len(decoded) != len(escaped) - 2 * escaped.count(b"="):
        return None
    keys = decoded.decode().split("\0")
    return keys if len(keys) == len(column) else None


def _quick_integers(column: Sequence[str], *, largest: int) -> Sequence[int | None] | None:
    # To delete all digits is three times as fast as isdigit(), which knows those of all scripts.
    if "".join(column).encode().translate(None, b"0123456789"):
        return None
    if all(column):
        numbers = list(map(int, column))
        return numbers if max(numbers) <= largest else None
    some = [int(text) if text else None for text in column]
    return some if max(filter(None, some), default=0) <= largest else None


def _quick_times(column: Sequence[str]) -> Sequence[datetime] | None:
    joined = "\n".join(column)
    shape = column[0].translate(_ANY_DIGIT_0)
    replaced = _TIMES.get(shape)
    if replaced is None or joined.translate(_ANY_DIGIT_0) != "\n".join([shape] * len(column)):
        return None
    if replaced == "\n":
        column = (joined.replace("\n", "+00:00\n") + "+00:00").split("\n")
    elif replaced and sys.version_info < (3, 11):
        column = joined.replace(replaced, "+00:00").split("\n")
    return list(map(datetime.fromisoformat, column))


def _quick_booleans(column: Sequence[str]) -> Sequence[bool | None] | None:
    try:
        return list(map(_BOOLEANS.__getitem__, column))
    except KeyError:
        return None


def _quick_texts(column: Sequence[str]) -> Sequence[str | None]:
    return column if all(column) else [text or None for text in column]


def _quick_unquoted(column: Sequence[str]) -> Sequence[str | None] | None:
    return None if '"' in "".join(column) else _quick_texts(column)


_QUICK: dict[Callable[[str], Any], Callable[[Sequence[str]], Sequence[Any] | None]] = {
    str: _quick_texts,
    decode_key: _quick_keys,
    parse_boolean: _quick_booleans,
    parse_size: partial(_quick_integers, largest=SIZE_MAX),
    parse_crc64: partial(_quick_integers, largest=CRC64_MAX),
    parse_timestamp: _quick_times,
    unquoted: _quick_unquoted,
}
