# SPDX-License-Identifier: Apache-2.0
"""A report as the table ``inventory``: its data files stream into DuckDB, verified. Comes with the extra ``table``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError, shown
from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest
from airflow_provider_cosinv.table.columns import DECODE_KEY_MACRO, NOT_SURE, TableColumn, table_columns
from airflow_provider_cosinv.table.csv.parallel_reader import ParallelReader
from airflow_provider_cosinv.table.csv.plan import fields_scanned, scans
from airflow_provider_cosinv.table.engine import Engine
from airflow_provider_cosinv.table.parquet.origin import PartOrigin, are_in_order
from airflow_provider_cosinv.table.parquet.read_parquet import parquet_table
from airflow_provider_cosinv.table.relation import Plan, Relation
from airflow_provider_cosinv.table.repeated_identities import IDENTITY, count_repeated, find_repeated, once
from airflow_provider_cosinv.table.temporary_folder import writing_there

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_cosinv.table.csv.arrow_reader import ArrowReader

#: Gives the bytes of a data file as they are stored.
OpenFile: TypeAlias = Callable[[DataFile], Iterable[bytes]]
# What a statement says, and the rows of the report where it read all of them.
_Reading: TypeAlias = tuple[list[tuple[Any, ...]], int | None]

_FEED = "cos_feed"
_WITH_FIELDS = "inventory_as_written"
# Options of COPY with which it keeps no order.
_IN_NO_ORDER = re.compile(r"PARTITION_BY|PER_THREAD_OUTPUT|FILE_SIZE_BYTES|ROW_GROUPS_PER_FILE", re.IGNORECASE)


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
        self._has_fields = False
        self._is_to_list_once = self._is_in_order = False
        #: Look at the order while a statement reads; see :attr:`is_in_order`.
        self.watches_order = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self._columns)

    def save(self, sql: str, path: Path, *, options: str, parameters: Mapping[str, Any] | None = None) -> int:
        """
        Write the rows of a query to a local file; those of each data file stay in their order, some at a time.

        COS lists a bucket in the order of its keys. Parquet that keeps it is smaller, and whoever looks for some keys
        reads a small part of it, as :class:`DiffTable` does. Otherwise as :meth:`Relation.save`.
        """
        ordered = options if _IN_NO_ORDER.search(options) else f"{options}, PRESERVE_ORDER true"
        return super().save(sql, path, options=ordered, parameters=parameters)

    def save_part(self, path: Path) -> int:
        """
        Write all rows as a Parquet part that says what it was made of.

        Each row group has rows of one data file, in their order.

        :param path: the file
        :return: rows
        :raises COSInventoryCorruptReportError: where what was read is not what the report says; the file is to be
            thrown away
        :raises COSInventoryTransientError: where the disk of the temporary folder is full
        """
        reader = self._reader(self._columns, decodes_keys=True, tells_order=True)
        from airflow_provider_cosinv.table.parquet.writer import PartWriter

        self._check_names()
        origin = PartOrigin.of(self.report, self.files)
        with (
            writing_there(),
            self._feed(reader) as feed,
            PartWriter(path, columns=self._columns, schema=reader.schema) as writer,
        ):
            written = sum(writer.write(turn) for turn in feed.turns())
            feed.finish()
            writer.tell(
                origin.telling(
                    spans=[reader.spans[file.key] for file in self.files],
                    has_plus=reader.plus_forms.has_plus,
                    has_escaped_plus=reader.plus_forms.has_escaped_plus,
                )
            )
        self._check_rows(feed.rows)
        return written

    def with_fields(self) -> str:
        """Return the name of a table that also has each field as COS wrote it; see :class:`Relation`."""
        if not self._has_fields:
            # A copy that was kept has none.
            self._has_fields, self._copy = True, None
        return _WITH_FIELDS

    @property
    def is_in_order(self) -> bool:
        """Whether a statement that watched the order found each object, or version, once; False if none has."""
        return self._is_in_order

    def list_once(self) -> None:
        """
        Let the table have each object, or version, once: see :class:`Relation`.

        The order is looked at while a statement reads. Only where the files are in none, identities are compared, and
        only where some are there twice, the statement is repeated, over a copy.
        """
        self._is_to_list_once = True
        if self._copy is not None:
            with self.explained():
                self._offer_copy(self._copy)

    def _prepare(self) -> None:
        self._check_names()
        if self._copy is None:
            # For plans alone, which open no file.
            self._offer(self._reader(self._columns, self._fields).schema, iter(()))

    @property
    def _fields(self) -> tuple[TableColumn, ...]:
        """The columns whose fields may be asked for as COS wrote them."""
        return self._columns if self._has_fields else ()

    def _check_names(self) -> None:
        sources: dict[str, str] = {}
        for column in self._columns:
            other = sources.setdefault(column.name, column.source)
            if other != column.source:
                raise COSInventoryCorruptReportError(
                    f"The columns {shown(other)} and {shown(column.source)} of the report are both"
                    f" {shown(column.name)}.",
                    bucket=self.report.bucket,
                    key=self.report.manifest_key,
                )

    def _run(self, statement: str, plan: Plan) -> list[tuple[Any, ...]]:
        if self._copy is None and scans(plan) > 1:
            # The feed can be read once.
            self._keep_copy()
        if self._copy is None:
            scanned = set(fields_scanned(plan))
            answer = self._stream(
                statement,
                [column for column in self._columns if column.feed_name in scanned],
                [column for column in self._fields if column.field_feed_name in scanned],
            )
            if not self._has_repeated():
                return answer
            self._keep_copy()
        return self.engine.run(statement)

    def _has_repeated(self) -> bool:
        """Return whether identities are there twice, though each is wanted once."""
        if not self._is_to_list_once or self._is_in_order:
            return False
        if self.repeated is None:
            known = [column for column in self._columns if column.name in IDENTITY]
            self._stream(find_repeated(self.columns, table="inventory"), known, [])
            self.repeated = count_repeated(self.engine.connection)
        return self.repeated > 0

    def _keep_copy(self) -> None:
        path = self.engine.new_file("inventory.parquet")
        columns = ", ".join(identifier(column.name) for column in self._columns)
        fields = "".join(f", {identifier(column.field_name)}" for column in self._fields)
        table = _WITH_FIELDS if fields else "inventory"
        rows = f"SELECT {columns}{fields} FROM {table}"
        statement = f"COPY ({rows}) TO {literal(str(path))} (FORMAT parquet, PRESERVE_ORDER true)"
        self._stream(statement, self._columns, self._fields)
        self._copy = path
        self._offer_copy(path)

    def _offer_copy(self, path: Path) -> None:
        stored = source = parquet_table([str(path)])
        if self._is_to_list_once and not self._is_in_order:
            if self.repeated is None:
                self.engine.run(find_repeated(self.columns, table=stored))
                self.repeated = count_repeated(self.engine.connection)
            source = f"({once(self.columns, table=stored)})" if self.repeated else stored
        encoded = "replace(url_encode(Key), '%2F', '/')"
        self._make_view("inventory", f"SELECT {', '.join(map(identifier, self.columns))} FROM {source}")
        self._make_view("inventory_encoded", f"SELECT * REPLACE ({encoded} AS Key) FROM inventory")
        if self._fields:
            self._make_view(_WITH_FIELDS, f"SELECT * FROM {stored}")

    def _stream(
        self, statement: str, wanted: Sequence[TableColumn], fields: Sequence[TableColumn]
    ) -> list[tuple[Any, ...]]:
        answer, rows = self._read(statement, wanted, fields)
        self._check_rows(rows)
        return answer

    def _check_rows(self, rows: int | None) -> None:
        expected = self.report.matched_objects
        if self._is_whole_report and None not in (rows, expected) and rows != expected:
            raise COSInventoryCorruptReportError(
                f"The data files have {rows} rows, the manifest says {expected}.",
                bucket=self.report.bucket,
                key=self.report.manifest_key,
                hint="Take the inventory again, under a new id.",
            )

    def _read(self, statement: str, wanted: Sequence[TableColumn], fields: Sequence[TableColumn]) -> _Reading:
        import duckdb

        try:
            return self._attempt(statement, wanted, fields, is_careful=False)
        except duckdb.Error as error:
            # Not sure of a key. All else is the statement's own fault.
            if NOT_SURE not in str(error):
                raise
        return self._attempt(statement, wanted, fields, is_careful=True)

    def _attempt(
        self, statement: str, wanted: Sequence[TableColumn], fields: Sequence[TableColumn], *, is_careful: bool
    ) -> _Reading:
        import duckdb

        # A scan has at least one field.
        reader = self._reader(
            wanted or self._columns[:1],
            fields,
            is_careful=is_careful,
            tells_order=(self._is_to_list_once or self.watches_order) and not self._is_in_order,
        )
        with self._feed(reader) as feed:
            self._offer(reader.schema, feed.batches())
            try:
                answer = self.engine.run(statement, on_abort=feed.give_up)
            except duckdb.Error:
                feed.give_up()
                # Where a file is wrong, the statement's error says so in other words.
                feed.finish()
                raise
            finally:
                self.engine.connection.unregister(_FEED)
            feed.finish()
            if self._is_to_list_once or self.watches_order:
                self._is_in_order = self._is_in_order or are_in_order(reader.spans.get(file.key) for file in self.files)
            return answer, feed.rows

    def _feed(self, reader: ArrowReader) -> ParallelReader:
        return ParallelReader(
            files=self.files,
            bucket=self.report.bucket,
            open_file=self._open_file,
            read=reader.batches,
            threads=self.engine.threads,
        )

    def _reader(self, wanted: Sequence[TableColumn], fields: Sequence[TableColumn] = (), **how: bool) -> ArrowReader:
        try:
            from airflow_provider_cosinv.table.csv.arrow_reader import ArrowReader
        except ImportError as error:
            raise COSInventoryConfigurationError(
                f"{error.name}, which reads the data files of reports, is not installed.",
                hint="Type: pip install 'airflow-provider-cosinv[table]'",
            ) from None
        return ArrowReader(columns=self._columns, wanted=wanted, fields=fields, bucket=self.report.bucket, **how)

    def _offer(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        """Make the views over a feed, which has the fields of its schema; the others are not read."""
        from airflow_provider_cosinv.table.csv.arrow_stream import ArrowStream

        connection = self.engine.connection
        connection.execute(DECODE_KEY_MACRO)
        connection.register(_FEED, ArrowStream(schema, batches))
        offered = [column for column in self._columns if column.feed_name in schema.names]
        fields = ", ".join(["*", *(column.below for column in offered if column.below)])
        for name in ("inventory", "inventory_encoded"):
            values = (
                (column.feed_name if name == "inventory_encoded" else column.value)
                if column in offered
                else f"NULL::{column.kind.type}"
                for column in self._columns
            )
            named = ", ".join(
                f"{value} AS {identifier(column.name)}" for value, column in zip(values, self._columns, strict=True)
            )
            self._make_view(name, f"SELECT {named} FROM (SELECT {fields} FROM {_FEED})")
            if name == "inventory" and self._has_fields:
                as_written = ", ".join(
                    f"{column.field_feed_name if column.field_feed_name in schema.names else 'NULL::VARCHAR'}"
                    f" AS {identifier(column.field_name)}"
                    for column in self._columns
                )
                self._make_view(_WITH_FIELDS, f"SELECT {named}, {as_written} FROM (SELECT {fields} FROM {_FEED})")

    def _make_view(self, name: str, query: str) -> None:
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
