# SPDX-License-Identifier: Apache-2.0
"""A table named ``inventory`` that takes SQL, wherever its rows come from."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, shown
from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal
from airflow_provider_cosinv.inventory.text import check_text
from airflow_provider_cosinv.table.duckdb_errors import (
    check_functions,
    confined,
    is_confined,
    no_room,
    of_a_file,
    positioned,
)
from airflow_provider_cosinv.table.engine import Engine
from airflow_provider_cosinv.table.json_values import jsonable, reading
from airflow_provider_cosinv.table.sql_parameters import bind

#: An operator of a plan or a profile, as DuckDB explains it in JSON, with its children.
Plan: TypeAlias = dict[str, Any]

#: Bytes of the values of a result that is returned, as text.
MAX_BYTES = 16 * 1024 * 1024

_VIEW = "CREATE OR REPLACE TEMP VIEW cos_query AS\n"
# DuckDB's Parquet has no such numbers, and would write them as DOUBLE. A quoted text in a type is the name of a field,
# or a value of an ENUM; a field named HUGEINT is not quoted, but its type follows.
_WIDE = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\bU?HUGEINT(?=[\[\]),]|$)""")


@dataclass(frozen=True)
class Rows:
    """
    A small result.

    :param columns: their names
    :param rows: by the name of the column; JSON-able: a time is text of ISO 8601, a map is a dict, and what is no
        finite number is text (``NaN``, ``Infinity``), and so is a number that JSON or Airflow would not take as it is:
        a whole one beyond 64 bits, a decimal one with more digits than a float has
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


class Relation(ABC):
    """
    A table that takes SQL.

    :param engine: where it lives; one relation at a time runs a statement there
    :param name: of the table
    """

    #: Whether ``inventory_encoded`` is there too, whose keys are still percent-encoded.
    has_encoded = False
    #: How many objects stand in it twice or more often, once that was looked for; see :meth:`list_once`.
    repeated: int | None = None

    def __init__(self, *, engine: Engine, name: str = "inventory") -> None:
        self.engine = engine
        self.name = name

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""

    def at_depth(self, depth: int) -> str | None:  # noqa: ARG002  of those that know folders
        """
        Return the name of a table that has the first folders of each key in a column, so that keys are not read.

        :param depth: how many folders, at least 1
        :return: None where there is none, or it would not pay; see :mod:`.parquet.key_folders`
        """
        return None

    def with_fields(self) -> str | None:
        """
        Return the name of a table that has the columns of this one, and each field as COS wrote it.

        These columns are named :attr:`TableColumn.field_name`.

        :return: None if only the values are known
        """
        return None

    def list_once(self) -> None:  # noqa: B027  a table may be of another kind than objects
        """
        Let the table have each object, or version of it (Key, VersionId), once from here on.

        Nothing says that COS lists each of them once. Of two rows of one, that of the latest ``LastModifiedDate``
        counts. It costs little where the report is in the order of its keys, and else a grouping of all identities.
        """

    @abstractmethod
    def _run(self, statement: str, plan: Plan) -> list[tuple[Any, ...]]:
        """
        Run one statement, and return what it says of itself, such as its count of rows.

        :param statement: whose effect counts once this returns
        :param plan: of the query in it
        """

    @abstractmethod
    def _prepare(self) -> None:
        """Make the table known to SQL, as far as a plan needs it."""

    def _source_error(self) -> Exception | None:
        """Return why the rows cannot be read, where that is why DuckDB failed."""
        return None

    def fetch(self, sql: str, *, max_rows: int, parameters: Mapping[str, Any] | None = None) -> Rows:
        """
        Return the rows of a query.

        :param sql: one SELECT; it sees the table
        :param max_rows: that are returned at most
        :param parameters: values for each ``$name`` in the SQL, bound: no value becomes part of its text
        :raises COSInventoryConfigurationError: where the SQL is wrong, there are more rows, or their values have more
            than :data:`MAX_BYTES`
        :raises COSInventoryCorruptReportError: where what was read is not what the report says
        :raises COSInventoryTransientError: where the disk of the temporary folder is full
        """
        plan = self._plan(sql, parameters)
        with self.explained():
            self._run(f"CREATE OR REPLACE TEMP TABLE cos_result AS FROM cos_query LIMIT {max_rows + 1}", plan)
        connection = self.engine.connection
        with self.explained():
            try:
                described = self._described("cos_result")
                # By place: a column may be called rowid, and the rows are in the order of the table's own.
                names = [f"c{place}" for place, _ in enumerate(described)]
                readings = [reading(name, kind) for name, (_, kind) in zip(names, described, strict=True)]
                rows = f"cos_result AS result({', '.join(names)})"
                self._check_size(readings, rows, max_rows)
                found = connection.execute(f"SELECT {', '.join(readings)} FROM {rows} ORDER BY rowid").fetchall()
            finally:
                connection.execute("DROP TABLE cos_result")
        return Rows(
            columns=tuple(name for name, _ in described),
            rows=[
                {name: jsonable(value, kind) for (name, kind), value in zip(described, row, strict=True)}
                for row in found
            ],
        )

    def _described(self, table: str) -> list[tuple[str, str]]:
        """Return the name and the type of each column."""
        columns = self.engine.connection.execute(f"DESCRIBE {table}").fetchall()
        return [(str(name), str(kind)) for name, kind, *_ in columns]

    def _check_size(self, readings: list[str], table: str, max_rows: int) -> None:
        """Refuse a result that is more than a task may return, before any of it is fetched: one row may be as much."""
        sizes = " + ".join(f"coalesce(sum(strlen({reading}::VARCHAR)), 0)" for reading in readings)
        ((rows, size),) = self.engine.connection.execute(f"SELECT count(*), {sizes} FROM {table}").fetchall()
        if rows > max_rows:
            raise COSInventoryConfigurationError(
                f"The result has more than {max_rows} rows.",
                parameter="max_rows",
                hint="Aggregate, or add a LIMIT; or have the result written to a destination; or raise max_rows.",
            )
        if size > MAX_BYTES:
            raise COSInventoryConfigurationError(
                f"The result has {size} bytes, of which {MAX_BYTES} may be returned.",
                parameter="sql",
                hint="Select fewer or shorter values; or have the result written to a destination.",
            )

    def save(self, sql: str, path: Path, *, options: str, parameters: Mapping[str, Any] | None = None) -> int:
        """
        Write the rows of a query to a local file, which is there once it is whole.

        In Parquet a whole number of 128 bits, such as the sum of a column, is a BIGINT, also within a list, struct or
        map; one that does not fit in is an error.

        :param sql: one SELECT; it sees the table
        :param path: the file, which must not be there where it is not to be replaced
        :param options: of DuckDB's COPY, such as ``FORMAT parquet, COMPRESSION zstd``
        :param parameters: values for each ``$name`` in the SQL, bound
        :return: rows
        :raises COSInventoryConfigurationError: where the SQL is wrong, or no file can be made there
        :raises COSInventoryCorruptReportError: where what was read is not what the report says; the file is to be
            thrown away
        :raises COSInventoryTransientError: where the disk of the temporary folder, or of the file, is full
        """
        plan = self._plan(sql, parameters)
        with self.engine.writing(path) as made, self.explained():
            rows = self._narrowed() if "parquet" in options else "FROM cos_query"
            answer = self._run(f"COPY ({rows}) TO {literal(str(made))} ({options})", plan)
        return int(answer[0][0])

    def check(self, sql: str, *, parameters: Mapping[str, Any] | None = None) -> None:
        """
        Find out whether a query can be run, before it is.

        :param sql: one SELECT; it sees the table
        :param parameters: values for each ``$name`` in the SQL
        :raises COSInventoryConfigurationError: where it is wrong
        """
        self._plan(sql, parameters)

    def _narrowed(self) -> str:
        """Return SQL of the query, whose columns Parquet has types for."""
        narrowed = [
            f"{identifier(name)}::{narrow} AS {identifier(name)}"
            for name, kind in self._described("cos_query")
            if (narrow := _narrow(kind)) != kind
        ]
        return f"SELECT * REPLACE ({', '.join(narrowed)}) FROM cos_query" if narrowed else "FROM cos_query"

    def _plan(self, sql: str, parameters: Mapping[str, Any] | None) -> Plan:
        """Make the view ``cos_query`` of the one query in a text, and return its plan."""
        import duckdb

        check_text(sql, "sql")
        with self.explained():
            self._prepare()
        connection = self.engine.connection
        with self.explained(lines_before=0):
            statements = connection.extract_statements(sql)
        kinds = ", ".join(statement.type.name for statement in statements)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise COSInventoryConfigurationError(
                f"One SELECT is wanted, this is: {shown(kinds) or 'nothing'}.",
                parameter="sql",
                hint="Write one SELECT, and nothing else. PIVOT takes one where its values are named: ON ... IN (...). "
                "To write the rows to a file, name a destination.",
            )
        with self.explained(lines_before=1):
            connection.execute(_VIEW + bind(connection, sql, statements[0].named_parameters, parameters or {}))
        with self.explained():
            ((_, plan),) = connection.execute("EXPLAIN (FORMAT JSON) FROM cos_query").fetchall()
        explained = {"children": json.loads(plan)}
        if self.engine.is_confined:
            check_functions(explained)
        return explained

    @contextmanager
    def explained(self, *, lines_before: int | None = None) -> Iterator[None]:
        """
        Turn DuckDB's errors into this package's.

        :param lines_before: of the statement, before the user's SQL; None where a line would not be one of it
        :raises COSInventoryConfigurationError: where the SQL is wrong, or memory is not enough
        :raises COSInventoryTransientError: where a disk is full, or fails
        """
        import duckdb

        try:
            yield
        # Not from DuckDB's errors: their text, which may hold values of rows, is shown escaped and bounded.
        except duckdb.OutOfMemoryException as error:
            # What memory does not hold is written to the disk, up to the room that there was.
            if "max_temp_directory_size" in str(error):
                raise no_room(error) from None
            raise COSInventoryConfigurationError(
                f"DuckDB has not enough memory for this query: {shown(error)}",
                parameter="memory_limit",
                hint="Raise memory_limit, or give temp_directory a disk with more room.",
            ) from None
        except duckdb.Error as error:
            if source_error := self._source_error():
                raise source_error from None
            if is_confined(error):
                raise confined(error) from None
            if isinstance(error, duckdb.IOException):
                raise of_a_file(error, folder=self.engine.folder) from None
            text = positioned(str(error), lines_before=lines_before)
            raise COSInventoryConfigurationError(
                f"The SQL is wrong. {text}",
                parameter="sql",
                hint=f"The table {self.name} has the columns {shown(', '.join(map(identifier, self.columns)))}.",
            ) from None


def _narrow(kind: str) -> str:
    """Return a type of DuckDB with BIGINT for each whole number of 128 bits in it."""
    return _WIDE.sub(lambda found: found[1] or "BIGINT", kind)
