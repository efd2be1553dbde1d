# SPDX-License-Identifier: Apache-2.0
"""The rows of a data file, as text, some hundred at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.csv_columns import split_columns
from airflow_provider_cosinv.inventory.rows.lines import BLOCK_BYTES, ROW_CHARACTERS, TextBlock
from airflow_provider_cosinv.inventory.rows.verified_bytes import corrupt


@dataclass(frozen=True)
class ColumnBatch:
    """
    Rows that were split a column at a time.

    :param columns: fields as text
    :param line: how many lines of the file lie before the first row
    """

    columns: Sequence[Sequence[str]]
    line: int

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield each row with the number of its last line."""
        line = self.line
        for row in zip(*self.columns, strict=True):
            line += 1 + sum(field.count("\n") for field in row)
            yield line, row


@dataclass(frozen=True)
class RowBatch:
    """
    Rows that were split one at a time.

    :param numbered: each row with the number of its last line
    :param width: how many fields each ought to have
    """

    numbered: Sequence[tuple[int, Sequence[str]]]
    width: int

    @property
    def columns(self) -> Sequence[Sequence[str]] | None:
        """The same as columns; None where a row has too few fields or too many."""
        rows = [row for _, row in self.numbered]
        return list(zip(*rows, strict=True)) if {*map(len, rows)} == {self.width} else None

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield each row with the number of its last line."""
        return iter(self.numbered)


Batch: TypeAlias = ColumnBatch | RowBatch


class BatchReader:
    """
    Splits the text of one file.

    :param blocks: its text
    :param width: how many fields a row ought to have
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    """

    def __init__(self, blocks: Iterator[TextBlock], *, width: int, file: DataFile, bucket: str) -> None:
        self._blocks = blocks
        self._width = width
        self._file = file
        self._bucket = bucket
        # Of the row that is being read, with the empty lines before it: they alone could go on for ever.
        self._row_characters = 0
        self._in_row = False

    def batches(self) -> Iterator[Batch]:
        """
        Yield the rows in batches of at least one; what precedes an error comes before it.

        :raises COSInventoryCorruptReportError: with the line, where they are no CSV or one is far too long
        """
        for block in self._blocks:
            yield from self.batches_of(block)

    def batches_of(self, block: TextBlock) -> Iterator[Batch]:
        """
        Yield the rows that begin in a block; where the last one goes on, the next blocks are read, too.

        :param block: of the text
        :raises COSInventoryCorruptReportError: as :meth:`batches` does
        """
        columns = split_columns(block.text, self._width)
        if columns is None:
            yield from self._read_rows(block)
        else:
            self._row_characters = 0
            yield ColumnBatch(columns, block.line)

    def _read_rows(self, block: TextBlock) -> Iterator[RowBatch]:
        # The one CSV that a page of COS prints has a space after each comma.
        reader = csv.reader(self._lines(block), strict=True, skipinitialspace=True)
        rows: list[tuple[int, Sequence[str]]] = []
        characters = 0
        try:
            for row in reader:
                self._in_row = False
                if not row:
                    continue
                characters += self._row_characters
                self._row_characters = 0
                rows.append((block.line + reader.line_num, row))
                if characters >= BLOCK_BYTES:
                    yield RowBatch(rows, self._width)
                    rows, characters = [], 0
        except csv.Error as error:
            if rows:
                yield RowBatch(rows, self._width)
            line = block.line + reader.line_num
            raise corrupt(f"A row cannot be read: {error}.", self._file, self._bucket, line=line) from error
        except Exception:
            if rows:
                yield RowBatch(rows, self._width)
            raise
        if rows:
            yield RowBatch(rows, self._width)

    def _lines(self, block: TextBlock) -> Iterator[str]:
        """Yield the lines of a block, and those of the next ones where a row goes on there."""
        following: TextBlock | None = block
        while following:
            for number, line in enumerate(io.StringIO(following.text, newline="\n"), start=following.line + 1):
                self._row_characters += len(line)
                if self._row_characters > ROW_CHARACTERS:
                    message = f"A row is over {ROW_CHARACTERS} characters long."
                    raise corrupt(message, self._file, self._bucket, line=number)
                self._in_row = True
                yield line
            following = next(self._blocks, None) if self._in_row else None
