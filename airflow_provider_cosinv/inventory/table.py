# SPDX-License-Identifier: Apache-2.0
"""A report as the table ``inventory``: its data files stream into DuckDB, verified. Comes with the extra ``table``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.datafile import read_records
from airflow_provider_cosinv.inventory.dialect import NotSureError, unambiguous
from airflow_provider_cosinv.inventory.engine import Engine
from airflow_provider_cosinv.inventory.feed import Feed
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest
from airflow_provider_cosinv.inventory.plan import rows_scanned, scans
from airflow_provider_cosinv.inventory.relation import Plan, Relation
from airflow_provider_cosinv.inventory.rendering import rendered
from airflow_provider_cosinv.inventory.sql import identifier, literal
from airflow_provider_cosinv.inventory.stored import inflated
from airflow_provider_cosinv.inventory.table_columns import DECODE_KEY_MACRO, NOT_SURE, TableColumn, table_columns

#: Gives the bytes of a data file as they are stored.
OpenFile: TypeAlias = Callable[[DataFile], Iterable[bytes]]
_Render: TypeAlias = Callable[[Iterator[bytes], DataFile], Iterable[bytes]]
# What a statement says, and the rows that it scanned where it read the whole of the report.
_Reading: TypeAlias = tuple[list[tuple[Any, ...]], int | None]

# What the csv module takes for one field. A key has at most 850 bytes, tags and metadata a few thousand. What the
# record reader takes all the same, and renders, may be as long as a buffer.
_ROW_BYTES = 128 * 1024
_BUFFER_BYTES = 16 * 1024 * 1024


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
        sources: dict[str, str] = {}
        for column in self._columns:
            other = sources.setdefault(column.name, column.source)
            if other != column.source:
                raise COSInventoryCorruptReportError(
                    f"The columns {other} and {column.source} of the report are both {column.name}.",
                    bucket=self.report.bucket,
                    key=self.report.manifest_key,
                )
        if self._copy is None:
            # For plans alone, which open no file.
            nothing = self.engine.folder / "nothing.csv"
            nothing.touch()
            self._make_views([nothing] if self.files else [], is_rendered=False)

    def _run(self, statement: str, plan: Plan) -> list[tuple[Any, ...]]:
        if self._copy is None and scans(plan) > 1:
            # A pipe can be read once.
            self._keep_copy()
        if self._copy is not None:
            return self.engine.run(statement)
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
        answer, rows = self._read(statement)
        expected = self.report.matched_objects
        if rows is None or expected is None:
            return answer
        if rows != expected:
            # A LIMIT may end the scan of a small report whose bytes had all been passed on.
            ((rows,),), _ = self._read("SELECT count(*) FROM inventory")
        if rows != expected:
            raise COSInventoryCorruptReportError(
                f"The data files have {rows} rows, the manifest says {expected}.",
                bucket=self.report.bucket,
                key=self.report.manifest_key,
                hint="Take the inventory again, under a new id.",
            )
        return answer

    def _read(self, statement: str) -> _Reading:
        import duckdb

        with tempfile.TemporaryDirectory(prefix="pipes-", dir=self.engine.folder) as folder:
            try:
                return self._attempt(statement, Path(folder), self._as_it_is, is_rendered=False)
            except (NotSureError, UnicodeDecodeError):
                # DuckDB 1.5 may cut a line that an error of its quotes in the middle of a character.
                pass
            except duckdb.NotImplementedException as error:
                # Of several threads in one file, which do not agree where a row begins.
                if "CSV" not in str(error):
                    raise
            except duckdb.Error as error:
                # Not sure of a value, or of the CSV of a pipe. All else is the statement's own fault.
                if NOT_SURE not in str(error) and folder not in str(error):
                    raise
            return self._attempt(statement, Path(folder), self._rendered, is_rendered=True)

    def _attempt(self, statement: str, folder: Path, render: _Render, *, is_rendered: bool) -> _Reading:
        import duckdb

        connection = self.engine.connection
        with Feed(
            folder=folder,
            files=self.files,
            bucket=self.report.bucket,
            open_file=self._open_file,
            render=render,
            on_error=connection.interrupt,
        ) as feed:
            self._make_views(feed.pipes, is_rendered=is_rendered)
            connection.execute("SET enable_profiling = 'no_output'")
            try:
                answer = self.engine.run(statement, on_abort=feed.give_up)
                profile = json.loads(connection.get_profiling_information())
            except duckdb.Error:
                # A file that could not be read to its end may look like anything to DuckDB.
                feed.give_up()
                feed.finish()
                raise
            finally:
                feed.end()
                connection.execute("RESET enable_profiling")
            feed.finish()
            return answer, rows_scanned(profile) if self._is_whole_report and feed.is_whole else None

    def _make_views(self, pipes: Sequence[Path], *, is_rendered: bool) -> None:
        self.engine.connection.execute(DECODE_KEY_MACRO)
        if not pipes:
            none = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in self._columns)
            self._make_view("inventory", f"SELECT {none} WHERE false")
            self._make_view("inventory_encoded", f"SELECT {none} WHERE false")
            return
        fields = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(self._columns)))
        paths = ", ".join(literal(str(pipe)) for pipe in pipes)
        # Of a usual file DuckDB guesses what ends a line, by the first that it sees, and its threads guess where a row
        # begins. Where a guess is wrong it says so, and no guess is left to what was rendered.
        certain = "new_line='\\n', parallel=false, " if is_rendered else ""
        row_bytes = _BUFFER_BYTES if is_rendered else _ROW_BYTES
        below = ", ".join(["*", *(column.below for column in self._columns if column.below and not is_rendered)])
        source = (
            f"(SELECT {below} FROM read_csv([{paths}], columns={{{fields}}}, header=false, auto_detect=false,"
            " delim=',', quote='\"',"
            # With '' for NULL, empty fields behind the last column would pass, as they do in DuckDB 1.5 anyway.
            " escape='\"', nullstr='\n', allow_quoted_nulls=false, compression='none',"
            f" {certain}max_line_size={row_bytes}, buffer_size={_BUFFER_BYTES}))"
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
        return unambiguous(inflated(chunks, file=file, bucket=self.report.bucket))

    def _rendered(self, chunks: Iterator[bytes], file: DataFile) -> Iterable[bytes]:
        records = read_records(chunks, file=file, bucket=self.report.bucket, columns=self.report.columns)
        return rendered(records, self._columns)
