# SPDX-License-Identifier: Apache-2.0
"""
The rows of one data file, checked while they stream: size, MD5, gzip, CSV, types.

Rows are handed out before the last byte was seen. What they are written to must be published only once the
iteration has ended without an error.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator

from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.records import InventoryRecord, RowReader
from airflow_provider_cosinv.inventory.stored import corrupt, inflated, verified

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
        blocks = inflated(verified(chunks, file=file, bucket=bucket), file=file, bucket=bucket)
        for number, line in enumerate(_lines(blocks, file, bucket), start=1):
            # A quoted field goes on over lines: what is never closed would take the rest of the file with it.
            row_size += len(line)
            if row_size > _ROW_CHARACTERS:
                raise corrupt(f"A row is over {_ROW_CHARACTERS} characters long.", file, bucket, line=number)
            yield line

    # The one CSV that a page of COS prints has a space after each comma.
    reader = csv.reader(lines(), strict=True, skipinitialspace=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise corrupt(f"A row cannot be read: {error}.", file, bucket, line=reader.line_num) from error
        if row is None:
            return
        if not row:
            # Its size still counts: blank lines alone could go on for ever.
            continue
        row_size = 0
        try:
            record = rows.read(row)
        except ValueError as error:
            raise corrupt(f"A row cannot be read: {error}.", file, bucket, line=reader.line_num) from error
        yield record


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
                raise corrupt(f"A line is over {_ROW_CHARACTERS} characters long.", file, bucket, line=number + 1)
        open_line += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        number += 1 + error.object.count(b"\n", 0, error.start)
        raise corrupt(f"A line is not UTF-8: {error.reason}.", file, bucket, line=number) from error
    if open_line:
        yield open_line
