# SPDX-License-Identifier: Apache-2.0
"""A report as the table ``inventory``: its data files stream into DuckDB, verified. Comes with the extra ``table``."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.datafile import read_records
from airflow_provider_cosinv.inventory.engine import Engine
from airflow_provider_cosinv.inventory.feed import Feed
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest
from airflow_provider_cosinv.inventory.records import InventoryRecord
from airflow_provider_cosinv.inventory.relation import Plan, Relation
from airflow_provider_cosinv.inventory.sql import identifier, literal
from airflow_provider_cosinv.inventory.stored import inflated
from airflow_provider_cosinv.inventory.table_columns import DECODE_KEY_MACRO, NOT_SURE, TableColumn, table_columns

#: Gives the bytes of a data file as they are stored.
OpenFile: TypeAlias = Callable[[DataFile], Iterable[bytes]]
_Render: TypeAlias = Callable[[Iterator[bytes], DataFile], Iterable[bytes]]

# Longer than any row: a key has at most 850 bytes, tags and metadata a few thousand.
_ROW_BYTES = 1024 * 1024
_ROWS_AT_ONCE = 1000


class ReportTable(Relation):
    """
    A report, or some of its data files, as a table.

    A statement's effect counts only once the call returns: then each byte that it read was verified, and, where it
    read the whole report, its rows were counted. A value is checked where a statement reads its column.

    :param engine: where it lives
    :param report: the manifest
    :param files: a part of the manifest's; None is all
    :param open_file: gives the stored bytes of one; called from other threads, once for each statement
    """

    has_encoded = True

    def __init__(
        self, *, engine: Engine, report: Manifest, open_file: OpenFile, files: Sequence[DataFile] | None = None
    ) -> None:
        super().__init__(engine=engine)
        self.report = report
        self.files = report.files if files is None else tuple(files)
        self._is_whole_report = files is None
        self._open_file = open_file
        self._columns = table_columns(report.columns)
        self._copy: Path | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self._columns)

    def _prepare(self) -> None:
        if self._copy is None:
            # For plans alone, which open no file.
            nothing = self.engine.folder / "nothing.csv"
            nothing.touch()
            self._make_views([nothing] if self.files else [], is_rendered=False)

    def _run(self, statement: str, plan: Plan) -> list[tuple[Any, ...]]:
        if self._copy is None and _scans(plan) > 1:
            # A pipe can be read once.
            self._keep_copy()
        if self._copy is not None:
            return self.engine.connection.execute(statement).fetchall()
        return self._stream(statement)

    def _keep_copy(self) -> None:
        path = self.engine.folder / "inventory.parquet"
        columns = ", ".join(identifier(column.name) for column in self._columns)
        self._stream(f"COPY (SELECT {columns} FROM inventory) TO {literal(str(path))} (FORMAT parquet)")
        source = f"read_parquet({literal(str(path))})"
        encoded = "replace(url_encode(Key), '%2F', '/')"
        self._make_view("inventory", f"SELECT * FROM {source}")
        self._make_view("inventory_encoded", f"SELECT * REPLACE ({encoded} AS Key) FROM {source}")
        self._copy = path

    def _stream(self, statement: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            return self._attempt(statement, self._as_it_is, is_rendered=False)
        except duckdb.Error as error:
            # Not sure of a value, or of the CSV of a pipe. All else is the statement's own fault.
            if NOT_SURE not in str(error) and str(self.engine.folder) not in str(error):
                raise
        return self._attempt(statement, self._rendered, is_rendered=True)

    def _attempt(self, statement: str, render: _Render, *, is_rendered: bool) -> list[tuple[Any, ...]]:
        import duckdb

        connection = self.engine.connection
        with (
            tempfile.TemporaryDirectory(dir=self.engine.folder) as folder,
            Feed(
                folder=Path(folder),
                files=self.files,
                bucket=self.report.bucket,
                open_file=self._open_file,
                render=render,
                on_error=connection.interrupt,
            ) as feed,
        ):
            self._make_views(feed.pipes, is_rendered=is_rendered)
            connection.execute("SET enable_profiling = 'no_output'")
            try:
                answer = connection.execute(statement).fetchall()
                profile = json.loads(connection.get_profiling_information())
            except duckdb.InterruptException:
                feed.finish()
                raise
            finally:
                connection.execute("RESET enable_profiling")
            feed.finish()
            if self._is_whole_report and feed.is_whole:
                self._check_count(profile)
            return answer

    def _make_views(self, pipes: Sequence[Path], *, is_rendered: bool) -> None:
        self.engine.connection.execute(DECODE_KEY_MACRO)
        if not pipes:
            none = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in self._columns)
            self._make_view("inventory", f"SELECT {none} WHERE false")
            self._make_view("inventory_encoded", f"SELECT {none} WHERE false")
            return
        fields = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(self._columns)))
        paths = ", ".join(literal(str(pipe)) for pipe in pipes)
        source = (
            f"read_csv([{paths}], columns={{{fields}}}, header=false, auto_detect=false, delim=',', quote='\"',"
            f" escape='\"', nullstr='', compression='none', max_line_size={_ROW_BYTES})"
        )

        def guarded(column: TableColumn) -> str:
            return column.plain if is_rendered else column.guarded

        def encoded(column: TableColumn) -> str:
            return column.encoded if column.name == "Key" or not is_rendered else column.plain

        for name, expression in (("inventory", guarded), ("inventory_encoded", encoded)):
            values = ", ".join(f"{expression(column)} AS {identifier(column.name)}" for column in self._columns)
            self._make_view(name, f"SELECT {values} FROM {source}")

    def _make_view(self, name: str, query: str) -> None:
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")

    def _as_it_is(self, chunks: Iterator[bytes], file: DataFile) -> Iterable[bytes]:
        return inflated(chunks, file=file, bucket=self.report.bucket)

    def _rendered(self, chunks: Iterator[bytes], file: DataFile) -> Iterator[bytes]:
        """Read a data file with the record reader, and write what it says so that nothing in it is in doubt."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = read_records(chunks, file=file, bucket=self.report.bucket, columns=self.report.columns)
        for number, record in enumerate(records, start=1):
            writer.writerow([_text_of(record, column) for column in self._columns])
            if number % _ROWS_AT_ONCE == 0:
                yield _taken(buffer)
        yield _taken(buffer)

    def _check_count(self, profile: dict[str, Any]) -> None:
        expected = self.report.matched_objects
        rows = _rows_scanned({"children": profile["operator" if "operator" in profile else "children"]})
        if expected is not None and rows != expected:
            raise COSInventoryCorruptReportError(
                f"The data files have {rows} rows, the manifest says {expected}.",
                bucket=self.report.bucket,
                key=self.report.manifest_key,
                hint="Take the inventory again, under a new id.",
            )


def _scans(plan: Plan) -> int:
    own = 1 if plan.get("name", "").strip() == "READ_CSV" else 0
    return own + sum(_scans(child) for child in plan.get("children", ()))


def _rows_scanned(operator: dict[str, Any]) -> int:
    own = 0
    if operator.get("extra_info", {}).get("Function") == "READ_CSV":
        # DuckDB 2; DuckDB 1.5, whose scans of CSV filter nothing.
        own = operator["rows_scanned"] if "rows_scanned" in operator else operator["operator_cardinality"]
    return own + sum(_rows_scanned(child) for child in operator.get("children", ()))


def _text_of(record: InventoryRecord, column: TableColumn) -> str:
    if column.field is None:
        return record.metadata.get(column.source) or record.other.get(column.source) or ""
    value = getattr(record, column.field)
    if value is None:
        return ""
    if column.field == "key":
        return quote(value, safe="/")
    if column.field == "tag":
        return urlencode(record.tags())
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _taken(buffer: io.StringIO) -> bytes:
    taken = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return taken
