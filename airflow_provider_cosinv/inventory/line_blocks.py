# SPDX-License-Identifier: Apache-2.0
"""The bytes of a data file in large blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.stored import corrupt
from airflow_provider_cosinv.inventory.text_blocks import ROW_CHARACTERS, without_mark


class LineBlock(NamedTuple):
    """
    Some whole lines of a file.

    :param data: ends in a line feed, but for the end of a file that has none there
    :param line: how many lines of the file lie before it
    """

    data: bytes
    line: int


def line_blocks(chunks: Iterable[bytes], *, size: int, file: DataFile, bucket: str) -> Iterator[LineBlock]:
    """
    Yield a file's lines, without the byte order mark that it may begin with.

    :param chunks: the file, inflated
    :param size: bytes that a block has at least, but for the last one
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :raises COSInventoryCorruptReportError: where a line is far too long
    """
    line = 0
    parts: list[bytes] = []
    held = 0
    for chunk in without_mark(chunks):
        end = chunk.rfind(b"\n") + 1
        held += len(chunk)
        if held < size or not end:
            parts.append(chunk)
            if held > size + ROW_CHARACTERS:
                _check_length(b"".join(parts), line, file, bucket)
            continue
        block = b"".join([*parts, chunk[:end]])
        yield LineBlock(block, line)
        # To leave them out is faster than to count them.
        line += len(block) - len(block.replace(b"\n", b""))
        parts = [chunk[end:]]
        held = len(parts[0])
    if last := b"".join(parts):
        yield LineBlock(last, line)


def _check_length(text: bytes, line: int, file: DataFile, bucket: str) -> None:
    rest = text[text.rfind(b"\n") + 1 :]
    if len(rest) > ROW_CHARACTERS and len(rest.decode(errors="replace")) > ROW_CHARACTERS:
        line += text.count(b"\n") + 1
        raise corrupt(f"A row is over {ROW_CHARACTERS} characters long.", file, bucket, line=line)
