# SPDX-License-Identifier: Apache-2.0
"""
Cuts a block of CSV into its fields, all at once, as the csv module does for the record reader.

No field is looked at in Python: numpy tells where the quotes are and what parts the fields. The rules are those of the
csv module in its strict mode: a quote opens a field only at its beginning, two of them in a quoted field are one, and
one that closes a field is followed by a comma or a line end. What breaks them is left to the record reader, which has
the words for it.
"""

from __future__ import annotations

import csv
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_QUOTE, _COMMA, _LINE_FEED, _SPACE = b'",\n '
# Below these are the line ends and NUL; as signed bytes, all that is not ASCII, too.
_CARRIAGE_RETURN = ord("\r")


class Fields(NamedTuple):
    """
    The fields of a block.

    :param text: the block
    :param edges: where each field begins and ends, by turns, without its quotes
    :param width: how many fields a row has
    :param doubled: the places in a row of the fields that have quotes in them, which are doubled
    """

    text: bytes
    edges: NDArray[np.int32]
    width: int
    doubled: frozenset[int]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.edges) // (2 * self.width)

    def column(self, place: int) -> pa.StringArray:
        """
        Return one field of each row; null where it is empty.

        :param place: of the field, from 0
        """
        # Of the fields and what lies between them, as strings behind one another.
        pieces = pa.StringArray.from_buffers(len(self.edges) - 1, pa.py_buffer(self.edges), pa.py_buffer(self.text))
        numbers = np.arange(2 * place, len(self.edges), 2 * self.width, dtype=np.int32)
        # Of bytes: for an array of numpy's pyarrow imports pandas where it is installed, which takes a second.
        texts = pieces.take(pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)]))
        _, edges, characters = texts.buffers()
        ends = np.frombuffer(edges, np.int32)[: len(texts) + 1]
        is_valid = ends[1:] != ends[:-1]
        if not is_valid.all():
            valid = pa.py_buffer(np.packbits(is_valid, bitorder="little"))
            texts = pa.StringArray.from_buffers(len(texts), edges, characters, valid)
        return pc.replace_substring(texts, '""', '"') if place in self.doubled else texts


def fields_of(text: bytes, *, width: int) -> Fields | None:
    """
    Return the fields of a block, each line of which is a row.

    :param text: whole lines, the last of which ends in a line feed
    :param width: how many fields a row has
    :return: None where the record reader has to be asked: a row may be wrong, or is more than one line
    """
    bytes_ = np.frombuffer(text, np.uint8)
    fields = (_all_quoted(text, bytes_, width) if text.startswith(b'"') else None) or _any(text, bytes_, width)
    if fields is None or _has_long_line(text):
        return None
    odd = np.count_nonzero(bytes_.view(np.int8) <= _CARRIAGE_RETURN) - fields.rows
    return fields if not odd or _are_lines(text, bytes_, fields.rows) else None


def _all_quoted(text: bytes, bytes_: NDArray[np.uint8], width: int) -> Fields | None:
    """Return the fields where each of them is quoted: the quotes tell all."""
    quotes = np.flatnonzero(bytes_ == _QUOTE)
    if len(quotes) % 2 or quotes[-1] != len(text) - len('"\n'):
        return None
    edges = quotes.astype(np.int32)
    # From each quote that closes a field to the next that opens one: what parts them, or nothing in two that are one.
    gaps = edges[2::2] - edges[1:-1:2]
    places: frozenset[int] = frozenset()
    if more := len(gaps) - np.count_nonzero(gaps == len('",')):
        doubled = np.flatnonzero(gaps == 1)
        if len(doubled) != more:
            return None
        places = _places(doubled - np.arange(more), width)
        is_edge = np.ones(len(edges), np.bool_)
        is_edge[2 * doubled + 1] = is_edge[2 * doubled + 2] = False
        edges = edges[is_edge]
    if not _are_rows(bytes_[1:][edges[1::2]], width):
        return None
    edges[::2] += 1
    return Fields(text, edges, width, places)


def _any(text: bytes, bytes_: NDArray[np.uint8], width: int) -> Fields | None:
    """Return the fields where some may be quoted."""
    marks = np.flatnonzero((bytes_ == _QUOTE) | (bytes_ == _COMMA) | (bytes_ == _LINE_FEED))
    is_quote = bytes_[marks] == _QUOTE
    is_quoted = np.logical_xor.accumulate(is_quote)
    quotes = marks[is_quote]
    # Before the first byte there is the last one, a line feed.
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing) or not (_parts(bytes_[opening - 1]) and _parts(bytes_[closing + 1])):
        return None
    ends = marks[~(is_quote | is_quoted)]
    begins = np.concatenate(([0], ends[:-1] + 1))
    firsts = bytes_[begins]
    # The csv module is told to skip spaces there. An empty line is no row.
    if not _are_rows(bytes_[ends], width) or (firsts == _SPACE).any() or (width == 1 and (begins == ends).any()):
        return None
    doubled = closing[bytes_[closing + 1] == _QUOTE]
    edges = np.empty(2 * len(ends), np.int32)
    edges[::2] = begins + (firsts == _QUOTE)
    edges[1::2] = ends - (firsts == _QUOTE)
    return Fields(text, edges, width, _places(np.searchsorted(ends, doubled), width))


def _parts(neighbours: NDArray[np.uint8]) -> bool:
    """Return whether all bytes beside quotes part fields, or are the other of two quotes."""
    return bool(((neighbours == _COMMA) | (neighbours == _LINE_FEED) | (neighbours == _QUOTE)).all())


def _places(fields: NDArray[np.int64], width: int) -> frozenset[int]:
    return frozenset(np.flatnonzero(np.bincount(fields % width)).tolist())


def _are_rows(ends: NDArray[np.uint8], width: int) -> bool:
    """Return whether fields that end so are rows."""
    rows, more = divmod(len(ends), width)
    last = ends[width - 1 :: width]
    return not more and np.count_nonzero(ends == _COMMA) == len(ends) - rows and bool((last == _LINE_FEED).all())


def _are_lines(text: bytes, bytes_: NDArray[np.uint8], rows: int) -> bool:
    """Return whether the text of these rows is UTF-8 on as many lines; the csv module of Python 3.10 takes no NUL."""
    if not bytes_.min() or b"\r" in text or text.count(b"\n") != rows:
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_long_line(text: bytes) -> bool:
    """Return whether a line may hold a field that is too long for the csv module."""
    most = csv.field_size_limit()
    start = 0
    while len(text) - start > most:
        following = text.rfind(b"\n", start, start + most) + 1
        if not following:
            return True
        start = following
    return False
