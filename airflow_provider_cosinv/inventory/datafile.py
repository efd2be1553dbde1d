# SPDX-License-Identifier: Apache-2.0
"""
The rows of one data file, checked while they stream: size, MD5, gzip, CSV, types.

Rows are handed out before the last byte was seen. What they are written to must be published only once the
iteration has ended without an error.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.records import InventoryRecord, RowReader

_GZIP = 31  # window bits: a gzip header and trailer, checked
# At most so many bytes are inflated at a time, however well they were compressed.
_BLOCK_BYTES = 256 * 1024
# Longer than any row: a key has at most 850 bytes, tags and metadata a few thousand.
_ROW_CHARACTERS = 1024 * 1024


def read_records(
    chunks: Iterable[bytes], *, file: DataFile, bucket: str, columns: tuple[str, ...]
) -> Iterator[InventoryRecord]:
    """
    Read one data file.

    :param chunks: the object's bytes as stored
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :param columns: the manifest's
    :raises COSInventoryCorruptReportError: with bucket, key and, for a row, its line
    """
    rows = RowReader(columns)
    row_size = 0

    def lines() -> Iterator[str]:
        nonlocal row_size
        blocks = _inflate(_verified(chunks, file, bucket), file, bucket)
        for number, line in enumerate(_lines(blocks, file, bucket), start=1):
            # A quoted field goes on over lines: what is never closed would take the rest of the file with it.
            row_size += len(line)
            if row_size > _ROW_CHARACTERS:
                raise _corrupt(f"A row is over {_ROW_CHARACTERS} characters long.", file, bucket, line=number)
            yield line

    # The one CSV that a page of COS prints has a space after each comma.
    reader = csv.reader(lines(), strict=True, skipinitialspace=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _corrupt(f"A row cannot be read: {error}.", file, bucket, line=reader.line_num) from error
        if row is None:
            return
        if not row:
            # Its size still counts: blank lines alone could go on for ever.
            continue
        row_size = 0
        try:
            record = rows.read(row)
        except ValueError as error:
            raise _corrupt(f"A row cannot be read: {error}.", file, bucket, line=reader.line_num) from error
        yield record


def _corrupt(message: str, file: DataFile, bucket: str, *, line: int | None = None) -> COSInventoryCorruptReportError:
    return COSInventoryCorruptReportError(message, bucket=bucket, key=file.key, line=line)


def _verified(chunks: Iterable[bytes], file: DataFile, bucket: str) -> Iterator[bytes]:
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > file.size:
            raise _corrupt(f"The data file is longer than the {file.size} bytes of the manifest.", file, bucket)
        md5.update(chunk)
        yield chunk
    if size != file.size:
        raise _corrupt(f"The data file has {size} bytes, the manifest says {file.size}.", file, bucket)
    if md5.hexdigest() != file.md5:
        raise _corrupt(f"The data file's MD5 is {md5.hexdigest()}, the manifest says {file.md5}.", file, bucket)


def _inflate(chunks: Iterable[bytes], file: DataFile, bucket: str) -> Iterator[bytes]:
    member = zlib.decompressobj(_GZIP)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    member, begun = zlib.decompressobj(_GZIP), False
                begun = True
                if block := member.decompress(rest, _BLOCK_BYTES):
                    yield block
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise _corrupt(f"The data file is not gzip: {error}.", file, bucket) from error
    if begun and not member.eof:
        raise _corrupt("The data file ends in the middle of its gzip stream.", file, bucket)


def _lines(blocks: Iterable[bytes], file: DataFile, bucket: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    number = 0
    open_line = ""
    try:
        for block in blocks:
            # Only a line feed ends a line; str.splitlines would also cut at characters that a tag may hold.
            for line in io.StringIO(open_line + decoder.decode(block), newline="\n"):
                if line.endswith("\n"):
                    number += 1
                    yield line
                    open_line = ""
                else:
                    open_line = line
            if len(open_line) > _ROW_CHARACTERS:
                raise _corrupt(f"A line is over {_ROW_CHARACTERS} characters long.", file, bucket, line=number + 1)
        open_line += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        number += 1 + error.object.count(b"\n", 0, error.start)
        raise _corrupt(f"A line is not UTF-8: {error.reason}.", file, bucket, line=number) from error
    if open_line:
        yield open_line
