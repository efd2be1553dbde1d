# SPDX-License-Identifier: Apache-2.0
"""
One data file as Arrow batches, verified while it streams.

Large blocks are read by pyarrow where it is sure of them. All else, be it one row or the whole file, is read by the
record reader: there is one behaviour, and what is fast is never more than a part of what is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.csv

from airflow_provider_cosinv.inventory.arrow_columns import arrow_type, from_records, from_text
from airflow_provider_cosinv.inventory.datafile import RecordBatch, records_of
from airflow_provider_cosinv.inventory.field_batches import BatchReader
from airflow_provider_cosinv.inventory.line_blocks import line_blocks
from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.plain_rows import plain_rows
from airflow_provider_cosinv.inventory.record_columns import ColumnReader
from airflow_provider_cosinv.inventory.records import RowReader
from airflow_provider_cosinv.inventory.stored import inflated
from airflow_provider_cosinv.inventory.table_columns import TableColumn
from airflow_provider_cosinv.inventory.text_blocks import TextBlock, text_of

# Each call of pyarrow costs about as much as reading 200 KiB, and each batch a turn of the interpreter.
_BLOCK_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 4 * 1024 * 1024


class ArrowReader:
    """
    Reads data files of one schema.

    :param columns: all of the report's
    :param wanted: those of them that are read; the form of all others is checked all the same
    :param bucket: full name of the bucket that the files lie in, for the errors
    :param is_careful: leave all to the record reader
    :param decodes_keys: as the objects have them; else they come percent-encoded
    """

    def __init__(
        self,
        *,
        columns: Sequence[TableColumn],
        wanted: Sequence[TableColumn],
        bucket: str,
        is_careful: bool = False,
        decodes_keys: bool = False,
    ) -> None:
        self._columns = columns
        self._wanted = wanted
        self._bucket = bucket
        self._is_careful = is_careful
        self._decodes_keys = decodes_keys
        self.schema = pa.schema([(column.feed_name, arrow_type(column)) for column in wanted])
        names = [column.feed_name for column in columns]
        self._read = pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=_PIECE_BYTES)
        self._convert = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=self.schema.names,
            null_values=[""],
            strings_can_be_null=True,
            # Checked already.
            check_utf8=False,
        )

    def batches(self, chunks: Iterable[bytes], file: DataFile) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows of a file.

        :param chunks: the object's bytes as stored, verified
        :param file: what the manifest says of it
        :raises COSInventoryCorruptReportError: with the key and, for a row, its line
        """
        blocks = line_blocks(inflated(chunks, file=file, bucket=self._bucket), size=_BLOCK_BYTES)
        careful = _CarefulReader(blocks, self._columns, file, self._bucket)
        for block in blocks:
            quick = None if self._is_careful else self.quickly(block)
            if quick is None:
                yield from map(self._recorded, careful.records(block))
            else:
                # Each line is a row.
                careful.lines_before += sum(batch.num_rows for batch in quick)
                yield from quick

    def quickly(self, data: bytes) -> list[pa.RecordBatch] | None:
        """
        Return the rows of a block.

        :param data: whole lines
        :return: None where that takes the record reader
        """
        if not data.endswith(b"\n"):
            data += b"\n"
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
            if b"\r" in data:
                return None
        rows = plain_rows(data, width=len(self._columns))
        if rows is None:
            return None
        try:
            table = pa.csv.read_csv(pa.py_buffer(data), read_options=self._read, convert_options=self._convert)
        except pa.ArrowInvalid:
            return None
        if table.num_rows != rows:
            return None
        batches = []
        for texts in table.to_batches():
            arrays = [
                from_text(column, texts[column.feed_name], decodes_keys=self._decodes_keys) for column in self._wanted
            ]
            if any(values is None for values in arrays):
                return None
            batches.append(pa.record_batch(arrays, schema=self.schema))
        return batches

    def _recorded(self, batch: RecordBatch) -> pa.RecordBatch:
        records = list(batch.records)
        arrays = [from_records(column, records, decodes_keys=self._decodes_keys) for column in self._wanted]
        return pa.record_batch(arrays, schema=self.schema)


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

    def records(self, block: bytes) -> Iterator[RecordBatch]:
        """Yield the rows of a block, and of the next one where a row goes on there."""
        self._texts = self._texts_of(block)
        while (text := next(self._texts, None)) is not None:
            for batch in self._batches.batches_of(text):
                yield from records_of(batch, self._rows, self._quick, file=self._file, bucket=self._bucket)

    def __next__(self) -> TextBlock:
        """Return the next small block, of the next large one if need be."""
        while (text := next(self._texts, None)) is None:
            self._texts = self._texts_of(next(self._blocks))
        return text

    def _texts_of(self, block: bytes) -> Iterator[TextBlock]:
        self.lines_before = yield from text_of(block, line=self.lines_before, file=self._file, bucket=self._bucket)
