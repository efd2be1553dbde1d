# SPDX-License-Identifier: Apache-2.0
"""
CSV split a block at a time: what Python's csv module makes of it, or nothing.

A row at a time costs three times as much. What is not plain at a glance is left to the csv module.
"""

from __future__ import annotations

import csv

# Each moves the rest of the text's fields: from some on, the csv module is faster.
_MOST_DOUBLED_QUOTES = 32


def split_columns(text: str, width: int) -> list[list[str]] | None:
    """
    Return the columns of some rows, where it is sure that the csv module would read the same.

    That is so where all fields are quoted, or none, and nothing stands between them but commas and line ends.

    :param text: whole lines
    :param width: how many fields a row has
    :return: None where the csv module has to be asked
    """
    # A field cannot be too long for the csv module where the whole text is not; NUL is an error in Python 3.10.
    if len(text) > csv.field_size_limit() or "\0" in text or not text.endswith("\n"):
        return None
    newline = "\r\n" if text.endswith("\r\n") else "\n"
    if text.startswith('"'):
        return _split_quoted(text, width, newline)
    return _split_plain(text, width, newline)


def _split_quoted(text: str, width: int, newline: str) -> list[list[str]] | None:
    # Every quote takes the csv module into a field or out of it: the pieces are outside and inside by turns.
    pieces = text.split('"')
    if len(pieces) % 2 == 0:
        return None
    between = pieces[2::2]
    # Nothing stands between the two of a doubled quote, which parted a field.
    doubled = between.count("")
    if doubled > _MOST_DOUBLED_QUOTES:
        return None
    place = 0
    for _ in range(doubled):
        place = between.index("", place)
        del between[place]
        inside = 2 * place + 1
        pieces[inside : inside + 3] = [f'{pieces[inside]}"{pieces[inside + 2]}']
    if between != ([","] * (width - 1) + [newline]) * (len(between) // width):
        return None
    return [pieces[place :: 2 * width] for place in range(1, 2 * width, 2)]


def _split_plain(text: str, width: int, newline: str) -> list[list[str]] | None:
    # Blanks before a field are skipped, an empty line is no row, and a carriage return may be an error.
    if '"' in text or ", " in text or "\n " in text or text.startswith(" ") or width == 1:
        return None
    rows = text.count("\n")
    returns = rows if newline == "\r\n" else 0
    if text.count("\r") != returns or text.count("\r\n") != returns:
        return None
    # Each line end becomes a field of its own, so that a row of another width is seen.
    fields = text.replace(newline, ",\n,").split(",")
    if len(fields) != rows * (width + 1) + 1 or fields.pop() or fields[width :: width + 1].count("\n") != rows:
        return None
    return [fields[place :: width + 1] for place in range(width)]
