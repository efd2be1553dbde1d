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
from typing import NamedTuple, TypeVar

import pyarrow as pa

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.csv_rows import Batch, BatchReader
from airflow_provider_cosinv.inventory.rows.line_blocks import line_blocks
from airflow_provider_cosinv.inventory.rows.lines import TextBlock, text_of
from airflow_provider_cosinv.inventory.rows.record_reader import RecordBatch, records_of
from airflow_provider_cosinv.inventory.rows.records import PlusForms, RowReader
from airflow_provider_cosinv.inventory.rows.records_by_column import ColumnReader
from airflow_provider_cosinv.inventory.rows.verified_bytes import inflated
from airflow_provider_cosinv.table.columns import Kind, TableColumn
from airflow_provider_cosinv.table.csv.arrow_keys import decoded_keys, plus_forms_of
from airflow_provider_cosinv.table.csv.arrow_values import arrow_type, from_records, from_text
from airflow_provider_cosinv.table.csv.csv_splitter import Fields, fields_of
from airflow_provider_cosinv.table.csv.key_order import FileOrder, Identities
from airflow_provider_cosinv.table.csv.work_sharing import WorkSharing
from airflow_provider_cosinv.table.inflater import fastest_inflater
from airflow_provider_cosinv.table.parquet.origin import Span

# Between two calls of numpy the threads wait for one another: the larger a block, the less often. What is made of a
# block, some times its size, should yet fit into the processor's cache.
_BLOCK_BYTES = 2 * 1024 * 1024
# Blocks that others are handed, before the thread that reads waits for the first of them: they are read ahead, too.
_MOST_HANDED = 4

_Made = TypeVar("_Made")


class Block(NamedTuple):
    """
    The rows of a block.

    :param batch: the columns that are read
    :param identities: of the rows; None where their order is not wanted
    """

    batch: pa.RecordBatch
    identities: Identities | None


class ArrowReader:
    """
    Reads data files of one schema.

    :param columns: all of the report's
    :param wanted: those of them that are read; the form of all others is checked all the same
    :param fields: those of them whose fields are handed over, too, as COS wrote them
    :param bucket: full name of the bucket that the files lie in, for the errors
    :param is_careful: leave all to the record reader
    :param decodes_keys: as the objects have them; else they come percent-encoded
    :param tells_order: find out :attr:`spans`, for which all keys are decoded
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
        tells_order: bool = False,
    ) -> None:
        #: How the keys that were read write a plus.
        self.plus_forms = PlusForms()
        #: By the key of each file that was read to its end: from where to where it goes, None where it is in no order.
        self.spans: dict[str, Span | None] = {}
        self._tells_order = tells_order
        self._key = next((column for column in columns if column.kind is Kind.KEY), None)
        self._version = next((column for column in columns if column.field == "version_id"), None)
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

    def batches(self, chunks: Iterable[bytes], file: DataFile, helpers: WorkSharing) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows of a file.

        :param chunks: the object's bytes as stored, verified
        :param file: what the manifest says of it
        :param helpers: read blocks, too, while they have nothing else to do
        :raises COSInventoryCorruptReportError: with the key and, for a row, its line
        """
        order = FileOrder()
        for batch, identities in self._blocks(chunks, file, helpers):
            if identities is not None:
                order.add(identities)
            yield batch
        self.spans[file.key] = order.span if self._tells_order else None

    def _blocks(self, chunks: Iterable[bytes], file: DataFile, helpers: WorkSharing) -> Iterator[Block]:
        blocks = line_blocks(
            inflated(chunks, file=file, bucket=self._bucket, inflater=fastest_inflater()), size=_BLOCK_BYTES
        )
        read = self._read(blocks, helpers)
        careful = _CarefulReader(
            (block for block, _ in read), RowReader(self._sources, plus_forms=self.plus_forms), file, self._bucket
        )
        for block, quick in read:
            if quick is None:
                yield from (self._recorded(records, batch) for records, batch in careful.records(block))
            else:
                # Each line is a row.
                careful.lines_before += quick.batch.num_rows
                yield quick

    def _read(self, blocks: Iterator[bytes], helpers: WorkSharing) -> Iterator[tuple[bytes, Block | None]]:
        """Yield each block with its rows, or None where that takes the record reader."""
        handed: deque[tuple[bytes, Future[Block | None]]] = deque()
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

    @property
    def _sources(self) -> tuple[str, ...]:
        return tuple(column.source for column in self._columns)

    def quickly(self, data: bytes) -> Block | None:
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
        arrays: dict[int, pa.Array] = {}
        for column in self._wanted:
            texts = fields.column(column.place)
            if column.kind is Kind.KEY and not self._are_of_one_form(texts):
                return None
            values = from_text(column, texts, decodes_keys=self._decodes_keys)
            if values is None:
                return None
            arrays[column.place] = values
        identities = None
        if self._tells_order and (identities := self._identities(fields, arrays)) is None:
            return None
        read = [*arrays.values(), *(fields.column(column.place) for column in self._fields)]
        return Block(pa.record_batch(read, schema=self.schema), identities)

    def _are_of_one_form(self, texts: pa.StringArray) -> bool:
        if texts.null_count:
            # An empty key is an error, which the record reader tells.
            return False
        plus, escaped_plus = plus_forms_of(texts, known=self.plus_forms)
        return self.plus_forms.note(plus=plus, escaped_plus=escaped_plus)

    def _identities(self, fields: Fields, arrays: dict[int, pa.Array]) -> Identities | None:
        """Return what the rows are known by; ``arrays`` are the columns that were read already, by their place."""
        if self._key is None:
            return None
        keys = arrays.get(self._key.place)
        if keys is None:
            # Two keys of two forms of a plus may then be one, which stands twice: who looks for it reads the keys.
            keys = fields.column(self._key.place)
            if keys.null_count:
                return None
        if self._key.place not in arrays or not self._decodes_keys:
            keys = decoded_keys(keys)
            if keys is None:
                return None
        if self._version is None:
            return Identities(keys, None)
        versions = arrays.get(self._version.place)
        return Identities(keys, fields.column(self._version.place) if versions is None else versions)

    def _recorded(self, read: RecordBatch, batch: Batch) -> Block:
        records = list(read.records)
        arrays = [from_records(column, records, decodes_keys=self._decodes_keys) for column in self._wanted]
        if self._fields:
            # A wrong row ends the records before the rows.
            rows = [row for _, row in islice(batch.rows(), len(records))]
            arrays += [pa.array([row[column.place] or None for row in rows], pa.string()) for column in self._fields]
        identities = None
        if self._tells_order:
            versions = [record.version_id for record in records]
            identities = Identities(
                pa.array([record.key for record in records], pa.string()),
                None if self._version is None else pa.array(versions, pa.string()),
            )
        return Block(pa.record_batch(arrays, schema=self.schema), identities)


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
    Runs the record reader over one large block; iterating it yields that block in small pieces.

    ``lines_before`` is how many lines of the file lie before the next block.
    """

    def __init__(self, blocks: Iterator[bytes], rows: RowReader, file: DataFile, bucket: str) -> None:
        self.lines_before = 0
        self._blocks = blocks
        self._file = file
        self._bucket = bucket
        self._rows = rows
        self._quick = ColumnReader(self._rows)
        self._batches = BatchReader(self, width=len(rows.columns), file=file, bucket=bucket)
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
