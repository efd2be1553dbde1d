# SPDX-License-Identifier: Apache-2.0
"""
A JSON object read from pieces of its bytes, one value at a time.

``json.loads`` of some megabytes that a stranger wrote holds Python's lock until it has built all of them, which may be
a hundred times their size. Here no call parses much more than :data:`LONGEST_VALUE` characters, and what the reader
does not keep is gone before the next value is parsed. The JSON scanner of the standard library does the parsing.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from airflow_provider_cosinv.exceptions import quoted

#: Characters of one value: an entry of a manifest has some 150, and its key at most 850 bytes.
LONGEST_VALUE = 16 * 1024
# Brackets in one value. Thousands of lists that are made and dropped make Python look for garbage in all that there is.
_MOST_BRACKETS = 256
_SPACE = re.compile(r"[ \t\n\r]*")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class JSONMembers:
    """
    Reads a document that is one JSON object.

    Whoever iterates over the members or entries reads each value with :meth:`value` or :meth:`entries` before the next.

    :param pieces: the bytes of the document, in pieces of any length that is small
    :raises ValueError: from any method: if the document is not JSON, or a value is longer than may be
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        # No more text than that of two values is ever parsed in vain.
        self._pieces = (
            piece[start : start + LONGEST_VALUE] for piece in pieces for start in range(0, len(piece), LONGEST_VALUE)
        )
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._is_all = False

    def members(self) -> Iterator[str]:
        """Yield the name of each member; after the last, check that nothing follows the object."""
        if self._next() != "{":
            raise ValueError("it does not begin as an object")
        for _ in self._separated("}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is not a string")  # noqa: TRY004  of the document, not of an argument
            self._expect(":")
            yield name
        if self._next():
            raise ValueError("something follows the object")

    def entries(self) -> Iterator[Any]:
        """Yield the entries of the array that is the next value, each parsed alone."""
        if self._next() != "[":
            raise ValueError("the value is not an array")
        for _ in self._separated("]"):
            yield self.value()

    def begins_array(self) -> bool:
        """Return whether the next value is an array."""
        return self._next() == "["

    def value(self) -> Any:
        """Return the next value, parsed as a whole."""
        self._next()
        try:
            found, end = _DECODER.raw_decode(self._text, self._at)
        except RecursionError:
            raise ValueError("a value is nested too deeply") from None
        except json.JSONDecodeError as error:
            if not self._is_all:
                raise ValueError(f"a value is damaged, or longer than {LONGEST_VALUE:,} characters") from None
            # Its position would be one in the last piece of the text.
            raise ValueError(error.msg) from None
        # A number may go on behind the text that was parsed.
        if end - self._at > LONGEST_VALUE or (end == len(self._text) and not self._is_all):
            raise ValueError(f"a value is longer than {LONGEST_VALUE:,} characters")
        if self._text.count("[", self._at, end) + self._text.count("{", self._at, end) > _MOST_BRACKETS:
            raise ValueError("a value has too many parts")
        self._at = end
        return found

    def _separated(self, end: str) -> Iterator[None]:
        """Yield before each value of an object or array, up to its end."""
        self._at += 1
        if self._next() == end:
            self._at += 1
            return
        while True:
            yield
            if self._next() == end:
                self._at += 1
                return
            self._expect(",")

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise ValueError(f"{quoted(character)} is missing between two values")
        self._at += 1

    def _next(self) -> str:
        """Skip white space; return the next character, empty at the end. A whole value is in the text behind it."""
        while True:
            self._fill()
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if len(self._text) - self._at > LONGEST_VALUE or self._is_all:
                return self._text[self._at : self._at + 1]

    def _fill(self) -> None:
        if len(self._text) - self._at > LONGEST_VALUE or self._is_all:
            return
        found = [self._text[self._at :]]
        length = len(found[0])
        while length <= LONGEST_VALUE and not self._is_all:
            piece = next(self._pieces, None)
            self._is_all = piece is None
            text = self._decoder.decode(piece or b"", final=self._is_all)
            found.append(text)
            length += len(text)
        self._text, self._at = "".join(found), 0
