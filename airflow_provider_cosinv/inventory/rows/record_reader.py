# SPDX-License-Identifier: Apache-2.0
"""
The rows of one data file, checked while they stream: size, MD5, gzip, CSV, types.

Rows are handed out before the last byte was seen. What they are written to must be published only once the
iteration has ended without an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.csv_rows import Batch, BatchReader
from airflow_provider_cosinv.inventory.rows.lines import text_blocks
from airflow_provider_cosinv.inventory.rows.records import InventoryRecord, PlusForms, RowReader
from airflow_provider_cosinv.inventory.rows.records_by_column import ColumnReader
from airflow_provider_cosinv.inventory.rows.verified_bytes import Inflater, corrupt, inflated, verified


class RecordBatch(NamedTuple):
    """
    Some records.

    :param size: how many
    :param records: to be gone over once, before the next batch is asked for
    """

    size: int
    records: Iterable[InventoryRecord]


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
    for batch in read_record_batches(chunks, file=file, bucket=bucket, columns=columns):
        yield from batch.records


def read_record_batches(
    chunks: Iterable[bytes],
    *,
    file: DataFile,
    bucket: str,
    columns: tuple[str, ...],
    plus_forms: PlusForms | None = None,
    inflater: Inflater | None = None,
) -> Iterator[RecordBatch]:
    """
    Read one data file some hundred records at a time; otherwise as :func:`read_records`.

    :param plus_forms: of the report, where other files of it were read or will be
    :param inflater: default: zlib
    """
    rows = RowReader(columns, plus_forms=plus_forms)
    quick = ColumnReader(rows)
    stored = verified(chunks, file=file, bucket=bucket)
    blocks = text_blocks(inflated(stored, file=file, bucket=bucket, inflater=inflater), file=file, bucket=bucket)
    for batch in BatchReader(blocks, width=len(columns), file=file, bucket=bucket).batches():
        yield from records_of(batch, rows, quick, file=file, bucket=bucket)


def records_of(
    batch: Batch, rows: RowReader, quick: ColumnReader, *, file: DataFile, bucket: str
) -> Iterator[RecordBatch]:
    """
    Turn rows that are text into records.

    :param batch: of rows
    :param rows: the reader of rows
    :param quick: the same for columns
    :param file: what the manifest says of the file
    :param bucket: full name of the bucket it lies in, for the errors
    :raises COSInventoryCorruptReportError: with the line of the row that is wrong, behind the rows before it
    """
    fields = batch.columns
    if fields is not None and (records := quick.read(fields)):
        yield RecordBatch(len(fields[0]), records)
    else:
        yield from _one_by_one(batch, rows, file, bucket)


def _one_by_one(batch: Batch, rows: RowReader, file: DataFile, bucket: str) -> Iterator[RecordBatch]:
    records = []
    for line, row in batch.rows():
        try:
            records.append(rows.read(row))
        except ValueError as error:
            yield RecordBatch(len(records), records)
            raise corrupt(f"A row cannot be read: {error}.", file, bucket, line=line) from error
    yield RecordBatch(len(records), records)
