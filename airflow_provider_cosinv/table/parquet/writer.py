# SPDX-License-Identifier: Apache-2.0
"""
Writes rows as a Parquet part of a report.

pyarrow does, in less than two thirds of the time of DuckDB: DuckDB takes long for maps, which tags are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

from airflow_provider_cosinv.table.columns import Kind, TableColumn
from airflow_provider_cosinv.table.parquet.origin import PartOrigin

if TYPE_CHECKING:
    from typing_extensions import Self

# zstd's default takes more time than it saves bytes.
_ZSTD_LEVEL = 1
# Their values are all different: a dictionary would be made in vain.
_DISTINCT = (Kind.KEY, Kind.ETAG, Kind.SIZE, Kind.CRC64, Kind.TIME, Kind.BOOLEAN)


class PartWriter:
    """
    A Parquet file with zstd; a context manager, which completes the file.

    :param path: of the file
    :param columns: of the batches, in order
    :param schema: of the batches
    """

    def __init__(self, path: Path, *, columns: Sequence[TableColumn], schema: pa.Schema) -> None:
        named = [field.with_name(column.name) for field, column in zip(schema, columns, strict=True)]
        self._schema = pa.schema(named)
        self._writer = pa.parquet.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=[path for column in columns for path in _dictionaries(column)],
        )

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Complete the file."""
        self._writer.close()

    def write(self, batches: Iterable[pa.RecordBatch]) -> int:
        """
        Write some rows as a row group of their own.

        :return: how many
        """
        named = [batch.rename_columns(self._schema.names) for batch in batches]
        table = pa.Table.from_batches(named, self._schema)
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        return int(table.num_rows)

    def tell(self, origin: PartOrigin) -> None:
        """Let the file say what it was made of; once, behind the last row."""
        self._writer.add_key_value_metadata(origin.as_metadata())


def _dictionaries(column: TableColumn) -> list[str]:
    if column.kind is Kind.TAGS:
        return [f"{column.name}.key_value.key", f"{column.name}.key_value.value"]
    return [] if column.kind in _DISTINCT else [column.name]
