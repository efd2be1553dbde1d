# SPDX-License-Identifier: Apache-2.0
"""The text of a data file in blocks of whole lines."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.verified_bytes import corrupt

# Longer than any row: a key has at most 850 bytes, tags and metadata a few thousand.
ROW_CHARACTERS = 1024 * 1024
# Some hundred rows: what is done once a block costs little a row, and a block fits into the processor's cache.
BLOCK_BYTES = 48 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TextBlock(NamedTuple):
    """
    Some whole lines of a file.

    :param text: ends in a line feed, but for the end of a file that has none there
    :param line: how many lines of the file lie before it
    """

    text: str
    line: int


def text_blocks(chunks: Iterable[bytes], *, file: DataFile, bucket: str) -> Iterator[TextBlock]:
    """
    Yield a file's text, without the byte order mark that it may begin with.

    Only a line feed ends a line. A block has at most ``BLOCK_BYTES``, or one line that is longer.

    :param chunks: the file, inflated
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :raises COSInventoryCorruptReportError: with the line that is not UTF-8, behind all lines before it; for one that
        is far too long
    """
    line = 0
    rest = b""
    for chunk in without_mark(chunks):
        rest += chunk
        if end := rest.rfind(b"\n") + 1:
            line = yield from text_of(rest[:end], line=line, file=file, bucket=bucket)
            rest = rest[end:]
        if len(rest) > ROW_CHARACTERS and len(rest.decode(errors="replace")) > ROW_CHARACTERS:
            raise corrupt(f"A row is over {ROW_CHARACTERS} characters long.", file, bucket, line=line + 1)
    if rest:
        yield from _decoded(rest, line, file, bucket)


def text_of(lines: bytes, *, line: int, file: DataFile, bucket: str) -> Generator[TextBlock, None, int]:
    """
    Yield the text of some whole lines.

    :param lines: their bytes
    :param line: how many lines of the file lie before them
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :return: how many lines lie before what comes next
    :raises COSInventoryCorruptReportError: with the line that is not UTF-8, behind all lines before it
    """
    start = 0
    while start < len(lines):
        end = _end_of_block(lines, start) or len(lines)
        block = lines[start:end]
        yield from _decoded(block, line, file, bucket)
        # To leave them out is four times as fast as to count them.
        line += len(block) - len(block.replace(b"\n", b""))
        start = end
    return line


def without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a file's bytes without the byte order mark that it may begin with."""
    following = iter(chunks)
    begin = b""
    for chunk in following:
        begin += chunk
        if len(begin) >= len(_BYTE_ORDER_MARK):
            break
    yield begin.removeprefix(_BYTE_ORDER_MARK)
    yield from following


def _decoded(block: bytes, line: int, file: DataFile, bucket: str) -> Iterator[TextBlock]:
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        whole = block.rfind(b"\n", 0, error.start) + 1
        if whole:
            yield TextBlock(block[:whole].decode(), line)
        line += block.count(b"\n", 0, whole) + 1
        raise corrupt(f"A line is not UTF-8: {error.reason}.", file, bucket, line=line) from error
    yield TextBlock(text, line)


def _end_of_block(text: bytes, start: int) -> int:
    """Return where a block that begins there ends; 0 where that is not known yet."""
    return text.rfind(b"\n", start, start + BLOCK_BYTES) + 1 or text.find(b"\n", start + BLOCK_BYTES) + 1
