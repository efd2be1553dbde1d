# SPDX-License-Identifier: Apache-2.0
"""The data files of an inventory that is written here: CSV as COS writes it, and gzip."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal
from airflow_provider_cosinv.table.columns import Kind, TableColumn
from airflow_provider_cosinv.table.parquet.read_parquet import parquet_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Every value is quoted, so that spaces at its ends stay.
_CSV_OPTIONS = (
    "FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', FORCE_QUOTE *, NULLSTR '', PRESERVE_ORDER true"
)

_GZIP_LEVEL = 1  # packs such rows as well as 3 does, in half the time
_BLOCK_BYTES = 1024 * 1024

_ODD = identifier("as written")
_PAIR = "url_encode(pair.key) || '=' || url_encode(pair.value)"
_BY_TYPE = {
    # As the documents of COS write them (436/30622).
    "BOOLEAN": "CASE $ WHEN true THEN 'True' WHEN false THEN 'False' END",
    "TIMESTAMPTZ": (
        "CASE WHEN microsecond($) % 1000 = 0 THEN strftime($, '%Y-%m-%dT%H:%M:%S.%gZ')"
        " ELSE strftime($, '%Y-%m-%dT%H:%M:%S.%fZ') END"
    ),
    "MAP(VARCHAR, VARCHAR)": f"array_to_string(list_transform(map_entries($), lambda pair: {_PAIR}), '&')",
}


def csv_value(column: TableColumn) -> str:
    """
    Return SQL that makes the field of a data file of a value, if the field that COS wrote is not known.

    Whoever reads the field reads the same value; of tags, COS may have written something else.

    :param column: of the table
    """
    name = identifier(column.name)
    if column.name == "Key":
        # The emulator, and COS's own signature, leave the same characters alone; a slash stays readable.
        return f"replace(url_encode({name}), '%2F', '/')"
    return _BY_TYPE.get(column.kind.type, "$::VARCHAR").replace("$", name)


def kept_and_written(columns: Sequence[TableColumn], *, has_fields: bool) -> tuple[list[str], list[str]]:
    """
    Return SQL of what to keep of the selected rows, and SQL over that of the fields to write.

    Values take less memory than fields, above all those by which the rows are sorted. So a field is kept only if it is
    spelled in another way than :func:`csv_value` spells its value.

    :param columns: of the table, in the order of the fields
    :param has_fields: the table has each field as COS wrote it, :meth:`Relation.with_fields`
    """
    if not has_fields:
        return [identifier(column.name) for column in columns], [csv_value(column) for column in columns]
    kept, written, differs, odd = [], [], [], []
    for column in columns:
        name, field = identifier(column.name), identifier(column.field_name)
        if column.kind is Kind.TEXT:
            kept.append(name)
            written.append(name)
        elif column.kind is Kind.TAGS:
            kept.append(field)
            written.append(field)
        else:
            kept.append(name)
            differs.append(f"{field} IS DISTINCT FROM {csv_value(column)}")
            odd.append(f"CASE WHEN {differs[-1]} THEN {field} END")
            written.append(f"coalesce({_ODD}[{len(odd)}], {csv_value(column)})")
    # One column, NULL if all are as they are spelled here: an empty text takes room, too.
    kept.append(f"CASE WHEN {' OR '.join(differs)} THEN [{', '.join(odd)}] END AS {_ODD}")
    return kept, written


def packed_pieces(
    connection: DuckDBPyConnection, rows: Path, fields: Sequence[str], *, rows_per_piece: int
) -> Iterator[tuple[Path, int, str]]:
    """
    Yield the rows of a Parquet file, in order, as packed files of CSV: the file, its size, its MD5.

    A file must have been moved away before the next is asked for.

    :param connection: of DuckDB
    :param rows: the Parquet file; the files are made beside it
    :param fields: SQL of each, over the columns of the Parquet file
    :param rows_per_piece: at most
    """
    plain, packed = rows.with_suffix(".csv"), rows.with_suffix(".csv.gz")
    stored = parquet_table([str(rows)], row_numbers=True)
    ((total,),) = connection.execute(f"SELECT count(*) FROM {stored}").fetchall()
    for first in range(0, total, rows_per_piece):
        piece = f"file_row_number >= {first} AND file_row_number < {first + rows_per_piece}"
        query = f"SELECT {', '.join(fields)} FROM {stored} WHERE {piece}"
        connection.execute(f"COPY ({query}) TO {literal(str(plain))} ({_CSV_OPTIONS})")
        yield packed, *_pack(plain, packed)
        plain.unlink()


def _pack(source: Path, target: Path) -> tuple[int, str]:
    """Pack a file with gzip, always to the same bytes; return their number and MD5."""
    with source.open("rb") as plain, target.open("wb") as stored:
        packed = _gzip_class()(filename="", fileobj=stored, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0)
        with packed:
            while block := plain.read(_BLOCK_BYTES):
                packed.write(block)
    md5 = hashlib.md5(usedforsecurity=False)
    with target.open("rb") as finished:
        while block := finished.read(_BLOCK_BYTES):
            md5.update(block)
    return target.stat().st_size, md5.hexdigest()


def _gzip_class() -> Any:
    try:
        # Twenty times as fast as DuckDB's own gzip.
        from isal.igzip import IGzipFile
    except ImportError:
        return gzip.GzipFile
    return IGzipFile
