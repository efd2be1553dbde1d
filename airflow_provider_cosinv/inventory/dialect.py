# SPDX-License-Identifier: Apache-2.0
"""Whether DuckDB cuts a CSV into the same fields as the record reader's csv module, told by a glance at its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

# Before a quote that opens a field, the csv module skips spaces and DuckDB does not; behind one that closes it, DuckDB
# skips them and the csv module does not. A pattern that begins with a plain character is found many times faster.
_SPACES_AT_QUOTES = re.compile(rb' (?:(?<=[,\n] ) *"|(?<=" ) *(?:[,\r\n]|\Z))')
_BEFORE_SPACES = (b",", b"\n", b'"', b"")
# In a block, for which a look at each is worth it.
_FEW_SPACES = 500
# Spaces at the end of a block may go on in the next one; no sane file has so many.
_SPACES = 1024


class NotSureError(Exception):
    """DuckDB may read a data file in another way than the record reader."""


def unambiguous(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Yield CSV as it comes, while it is sure that DuckDB cuts it into the same rows and fields as the csv module.

    A usual file is ASCII, without a space or a carriage return: it costs next to nothing.

    :param blocks: a data file, inflated
    :raises NotSureError: where it is not sure, in a column that no statement reads, too
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    # The end of the block before, as far back as the last character that is neither a space nor a carriage return.
    last = b"\n"
    for block in _and_an_end(blocks):
        _check_characters(block, decoder)
        # What stands at the border of two blocks begins or ends with one of them.
        is_open = len(last) > 1 or block[:1] in (b" ", b"\r", b"")
        text = last + block if is_open else block
        _check_separators(text, is_end=not block)
        last = text[-1:]
        if last in b" \r":
            last = text[len(text.rstrip(b" \r")) - 1 :]
            if len(last) > _SPACES:
                raise NotSureError
        if block:
            yield block


def _and_an_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from filter(None, blocks)
    yield b""


def _check_characters(block: bytes, decoder: codecs.IncrementalDecoder) -> None:
    # The csv module of Python 3.10 takes no NUL; DuckDB 1.5 breaks down where a text is not UTF-8.
    if b"\0" in block:
        raise NotSureError
    if block.isascii() and not decoder.getstate()[0] and block:
        return
    try:
        decoder.decode(block, final=not block)
    except UnicodeDecodeError:
        raise NotSureError from None


def _check_separators(text: bytes, *, is_end: bool) -> None:
    if _may_have_spaces_at_quotes(text) and _SPACES_AT_QUOTES.search(text):
        raise NotSureError
    if b"\r" not in text:
        return
    # To DuckDB a carriage return alone ends a row.
    alone = text.count(b"\r") - text.count(b"\r\n")
    if alone > (0 if is_end else text.endswith(b"\r")):
        raise NotSureError


def _may_have_spaces_at_quotes(text: bytes) -> bool:
    """Look at each space, where there are few: that takes a third of the time of the pattern."""
    place = text.find(b" ")
    for _ in range(_FEW_SPACES):
        if place < 0:
            return False
        if text[place - 1 : place] in _BEFORE_SPACES:
            return True
        place = text.find(b" ", place + 1)
    return True
