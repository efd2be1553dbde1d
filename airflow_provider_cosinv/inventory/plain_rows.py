# SPDX-License-Identifier: Apache-2.0
"""
Whether pyarrow surely cuts a block of CSV into the same fields as the record reader's csv module, told by its bytes.

pyarrow reads some of what is an error to the csv module, such as text behind a quote that closes a field, without a
word. A row is plain where each of its fields is quoted as a whole, or has no quote and no space before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_QUOTE, _COMMA, _LINE_FEED = b'",\n'
_ASCII = 127
# numpy looks at so many bytes at a time, whose masks fit into the processor's cache.
_SLICE_BYTES = 128 * 1024
# Where a comma or a line end stands between two quotes.
_BETWEEN = re.compile(rb'"[,\n](?=")')
_FIELD = rb'(?:"[^"\n]*(?:""[^"\n]*)*"|(?! )[^",\n]*)'


def plain_rows(data: bytes, *, width: int) -> int | None:
    """
    Return how many rows a block has, if pyarrow finds that each line of it is one.

    :param data: whole lines, without a carriage return; it ends in a line feed
    :param width: how many fields a row has
    :return: None where the record reader has to be asked
    """
    text = np.frombuffer(data, np.uint8)
    # The csv module of Python 3.10 takes no NUL.
    if not text.min() or (text.max() > _ASCII and not _is_utf8(data)) or _has_long_line(data):
        return None
    marks = _marks(text)
    if not data.startswith(b'"'):
        # Of a file that quotes only where it must.
        odd_places = (found.start() for found in re.finditer(b'"', data)) if marks.quotes else iter(())
        is_plain = not _may_skip_spaces(data) and _are_plain(data, odd_places, width)
        return marks.rows if is_plain else None
    odd = list(_lines(data, marks.misplaced))
    # Of all other rows: no more quotes than the fields need, and one on either side of what parts two fields.
    rows = marks.rows - len(odd)
    quotes = marks.quotes - sum(data.count(b'"', start, end) for start, end in odd)
    between = marks.between - sum(len(_BETWEEN.findall(data, start, end + 1)) for start, end in odd)
    # Nothing stands behind the last line end.
    last = 0 if odd and odd[-1][1] == len(data) else 1
    if rows and (quotes != 2 * rows * width or between != rows * width - last):
        return None
    # A row behind an odd one begins with a quote, too.
    if any(data[end : end + 1] not in b'"' for _, end in odd):
        return None
    return marks.rows if _are_plain(data, marks.misplaced, width) else None


class _Marks(NamedTuple):
    """
    Of the quotes of a block and of what parts its fields.

    :param rows: line ends
    :param quotes: how many there are
    :param between: how many commas and line ends stand between two quotes
    :param misplaced: the places of the quotes that have no neighbour that parts fields, or two: one that opens or
        closes a field has one
    """

    rows: int
    quotes: int
    between: int
    misplaced: list[int]


def _marks(text: NDArray[np.uint8]) -> _Marks:
    size = min(len(text), _SLICE_BYTES) + 2
    quote, parting, line_feed, found = (np.empty(size, np.bool_) for _ in range(4))
    rows = quotes = between = 0
    # The beginning of the block parts fields, too.
    misplaced = [0] if text[0] == _QUOTE and text[1] in (_COMMA, _LINE_FEED) else []
    for start in range(0, len(text), _SLICE_BYTES):
        # With the neighbours of the last one.
        part = text[start : start + _SLICE_BYTES + 2]
        size = len(part)
        own = min(size, _SLICE_BYTES)
        np.equal(part, _QUOTE, out=quote[:size])
        np.equal(part, _LINE_FEED, out=line_feed[:size])
        np.equal(part, _COMMA, out=parting[:size])
        np.bitwise_or(parting[:size], line_feed[:size], out=parting[:size])
        rows += int(np.count_nonzero(line_feed[:own]))
        quotes += int(np.count_nonzero(quote[:own]))
        if (inner := size - 2) > 0:
            middle = found[:inner]
            np.bitwise_xor(parting[:inner], parting[2:size], out=middle)
            np.greater(quote[1 : size - 1], middle, out=middle)
            if np.count_nonzero(middle):
                misplaced += (np.flatnonzero(middle) + start + 1).tolist()
            np.bitwise_and(quote[:inner], parting[1 : size - 1], out=middle)
            np.bitwise_and(middle, quote[2:size], out=middle)
            between += int(np.count_nonzero(middle))
    return _Marks(rows, quotes, between, misplaced)


def _lines(data: bytes, places: Iterator[int] | list[int]) -> Iterator[tuple[int, int]]:
    """Yield where each line begins and ends that has some of these places."""
    end = 0
    for place in places:
        if place >= end:
            start = data.rfind(b"\n", 0, place) + 1
            end = data.index(b"\n", place) + 1
            yield start, end


def _are_plain(data: bytes, places: Iterator[int] | list[int], width: int) -> bool:
    """Return whether the lines that have these places are plain rows."""
    row = _plain_row(width)
    return all(row.fullmatch(data, start, end) for start, end in _lines(data, places))


@lru_cache(16)
def _plain_row(width: int) -> re.Pattern[bytes]:
    return re.compile(_FIELD + rb"(?:," + _FIELD + rb"){%d}\n" % (width - 1))


def _may_skip_spaces(data: bytes) -> bool:
    """Return whether the csv module may find spaces before a field, which it skips."""
    return b" " in data and (b", " in data or b"\n " in data or data.startswith(b" "))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_long_line(data: bytes) -> bool:
    """Return whether a line may hold a field that is too long for the csv module."""
    most = csv.field_size_limit()
    start = 0
    while len(data) - start > most:
        following = data.rfind(b"\n", start, start + most) + 1
        if not following:
            return True
        start = following
    return False
