# SPDX-License-Identifier: Apache-2.0
"""
One data file as Arrow batches, verified while it streams.

Large blocks are cut into fields, and these made values, as a whole. Where that is not sure to give what the record
reader gives, be it one block or the whole file, the record reader reads: there is one behaviour, and what is fast is
never more than a part of what is right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

import pyarrow as pa

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.arrow_columns import arrow_type, from_records, from_text
from airflow_provider_cosinv.inventory.csv_fields import fields_of
from airflow_provider_cosinv.inventory.datafile import RecordBatch, records_of
from airflow_provider_cosinv.inventory.field_batches import Batch, BatchReader
from airflow_provider_cosinv.inventory.helpers import Helpers
from airflow_provider_cosinv.inventory.line_blocks import line_blocks
from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.record_columns import ColumnReader
from airflow_provider_cosinv.inventory.records import RowReader
from airflow_provider_cosinv.inventory.stored import inflated
from airflow_provider_cosinv.inventory.table_columns import TableColumn
from airflow_provider_cosinv.inventory.text_blocks import TextBlock, text_of

# Between two calls of numpy the threads wait for one another: the larger a block, the less often. What is made of a
# block, some times its size, should yet fit into the processor's cache.
_BLOCK_BYTES = 2 * 1024 * 1024
# Blocks that others are handed, before the thread that reads waits for the first of them: they are read ahead, too.
_MOST_HANDED = 4

_Made = TypeVar("_Made")


class ArrowReader:
    """
    Reads data files of one schema.

    :param columns: all of the report's
    :param wanted: those of them that are read; the form of all others is checked all the same
    :param fields: those of them whose fields are handed over, too, as COS wrote them
    :param bucket: full name of the bucket that the files lie in, for the errors
    :param is_careful: leave all to the record reader
    :param decodes_keys: as the objects have them; else they come percent-encoded
    """

    def __init__(
        self,
        *,
        columns: Sequence[TableColumn],
        wanted: Sequence[TableColumn],
        fields: Sequence[TableColumn] = (),
        bucket: str,
        is_careful: bool = False,
        decodes_keys: bool = False,
    ) -> None:
        self._columns = columns
        self._wanted = wanted
        self._fields = fields
        self._bucket = bucket
        self._is_careful = is_careful
        self._decodes_keys = decodes_keys
        self.schema = pa.schema(
            [(column.feed_name, arrow_type(column)) for column in wanted]
            + [(column.field_feed_name, pa.string()) for column in fields]
        )

    def batches(self, chunks: Iterable[bytes], file: DataFile, helpers: Helpers) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows of a file.

        :param chunks: the object's bytes as stored, verified
        :param file: what the manifest says of it
        :param helpers: read blocks, too, while they have nothing else to do
        :raises COSInventoryCorruptReportError: with the key and, for a row, its line
        """
        blocks = line_blocks(inflated(chunks, file=file, bucket=self._bucket), size=_BLOCK_BYTES)
        read = self._read(blocks, helpers)
        careful = _CarefulReader((block for block, _ in read), self._columns, file, self._bucket)
        for block, quick in read:
            if quick is None:
                yield from (self._recorded(records, batch) for records, batch in careful.records(block))
            else:
                # Each line is a row.
                careful.lines_before += quick.num_rows
                yield quick

    def _read(self, blocks: Iterator[bytes], helpers: Helpers) -> Iterator[tuple[bytes, pa.RecordBatch | None]]:
        """Yield each block with its rows, or None where that takes the record reader."""
        handed: deque[tuple[bytes, Future[pa.RecordBatch | None]]] = deque()
        try:
            for block in blocks:
                if self._is_careful:
                    yield block, None
                elif (future := helpers.hand(self.quickly, block)) is not None:
                    handed.append((block, future))
                    yield from _made(handed, most=_MOST_HANDED)
                else:
                    quick = self.quickly(block)
                    yield from _made(handed)
                    yield block, quick
        except COSInventoryCorruptReportError:
            # A wrong row before what is wrong here is the first fault.
            yield from _made(handed)
            raise
        yield from _made(handed)

    def quickly(self, data: bytes) -> pa.RecordBatch | None:
        """
        Return the rows of a block.

        :param data: whole lines
        :return: None where that takes the record reader
        """
        if not data.endswith(b"\n"):
            data += b"\n"
        if data.endswith(b"\r\n"):
            data = data.replace(b"\r\n", b"\n")
        fields = fields_of(data, width=len(self._columns))
        if fields is None:
            return None
        arrays = []
        for column in self._wanted:
            values = from_text(column, fields.column(column.place), decodes_keys=self._decodes_keys)
            if values is None:
                return None
            arrays.append(values)
        arrays += [fields.column(column.place) for column in self._fields]
        return pa.record_batch(arrays, schema=self.schema)

    def _recorded(self, read: RecordBatch, batch: Batch) -> pa.RecordBatch:
        records = list(read.records)
        arrays = [from_records(column, records, decodes_keys=self._decodes_keys) for column in self._wanted]
        if self._fields:
            # A wrong row ends the records before the rows.
            rows = [row for _, row in islice(batch.rows(), len(records))]
            arrays += [pa.array([row[column.place] or None for row in rows], pa.string()) for column in self._fields]
        return pa.record_batch(arrays, schema=self.schema)


def _made(handed: deque[tuple[bytes, Future[_Made]]], *, most: int = 0) -> Iterator[tuple[bytes, _Made]]:
    """
    Yield what others were handed, and made.

    :param most: that are left in their hands, where they are not done
    """
    while handed and (len(handed) > most or handed[0][1].done()):
        block, future = handed.popleft()
        yield block, future.result()


class _CarefulReader(Iterator[TextBlock]):
    """
    Reads rows as the record reader does, a large block at a time; it is itself the small blocks of these.

    ``lines_before`` is how many lines of the file lie before the next block.
    """

    def __init__(self, blocks: Iterator[bytes], columns: Sequence[TableColumn], file: DataFile, bucket: str) -> None:
        self.lines_before = 0
        self._blocks = blocks
        self._file = file
        self._bucket = bucket
        self._rows = RowReader(tuple(column.source for column in columns))
        self._quick = ColumnReader(self._rows)
        self._batches = BatchReader(self, width=len(columns), file=file, bucket=bucket)
        self._texts: Iterator[TextBlock] = iter(())

    def records(self, block: bytes) -> Iterator[tuple[RecordBatch, Batch]]:
        """Yield the rows of a block, and of the next one where a row goes on there, as records and as fields."""
        self._texts = self._texts_of(block)
        while (text := next(self._texts, None)) is not None:
            for batch in self._batches.batches_of(text):
                for records in records_of(batch, self._rows, self._quick, file=self._file, bucket=self._bucket):
                    yield records, batch

    def __next__(self) -> TextBlock:
        """Return the next small block, of the next large one if need be."""
        while (text := next(self._texts, None)) is None:
            self._texts = self._texts_of(next(self._blocks))
        return text

    def _texts_of(self, block: bytes) -> Iterator[TextBlock]:
        self.lines_before = yield from text_of(block, line=self.lines_before, file=self._file, bucket=self._bucket)
