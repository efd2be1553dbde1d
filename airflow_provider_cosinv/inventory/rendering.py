# SPDX-License-Identifier: Apache-2.0
"""Records as CSV that reads in one way only, for the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlencode

from airflow_provider_cosinv.inventory.records import InventoryRecord
from airflow_provider_cosinv.inventory.table_columns import TableColumn

_ROWS_AT_ONCE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rendered(records: Iterable[InventoryRecord], columns: Sequence[TableColumn]) -> Iterator[bytes]:
    """
    Yield CSV whose fields :attr:`TableColumn.plain` reads.

    :param records: of the report
    :param columns: of the table
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for number, record in enumerate(records, start=1):
        writer.writerow([_text_of(record, column) for column in columns])
        if number % _ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _text_of(record: InventoryRecord, column: TableColumn) -> str:
    if column.field is None:
        return record.metadata.get(column.source) or record.other.get(column.source) or ""
    value = getattr(record, column.field)
    if value is None:
        return ""
    if column.field == "key":
        return quote(value, safe="/")
    if column.field == "tag":
        # Tags without any tag are an empty map, not NULL.
        return urlencode(record.tags()) or "&"
    if isinstance(value, datetime):
        # Microseconds: DuckDB does not take the text of each time that Python takes.
        return str((value - _EPOCH) // timedelta(microseconds=1))
    return str(value)


def _taken(buffer: io.StringIO) -> bytes:
    taken = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return taken
