# SPDX-License-Identifier: Apache-2.0
"""The bytes of a data file in large blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_cosinv.inventory.rows.lines import ROW_CHARACTERS, without_mark


def line_blocks(chunks: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """
    Yield a file's lines, without the byte order mark that it may begin with.

    A block ends in a line feed, but for the last one where the file does not. A line that is longer than a row may be
    ends the last block, too, as far as it was read: the record reader tells which line it is.

    :param chunks: the file, inflated
    :param size: bytes that a block has at least, but for the last one
    """
    parts: list[bytes] = []
    held = 0
    for chunk in without_mark(chunks):
        end = chunk.rfind(b"\n") + 1
        held += len(chunk)
        if held >= size and end:
            yield b"".join([*parts, chunk[:end]])
            parts = [chunk[end:]]
            held = len(parts[0])
            continue
        parts.append(chunk)
        if held > size + ROW_CHARACTERS and _ends_in_a_long_line(b"".join(parts)):
            break
    if last := b"".join(parts):
        yield last


def _ends_in_a_long_line(text: bytes) -> bool:
    line = text[text.rfind(b"\n") + 1 :]
    return len(line) > ROW_CHARACTERS and len(line.decode(errors="replace")) > ROW_CHARACTERS
