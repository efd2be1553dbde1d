# SPDX-License-Identifier: Apache-2.0
"""SQL, or a ready-made query, over a report or its Parquet parts; the result is returned or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.queries.catalogue import ready_query
from airflow_provider_cosinv.inventory.report.manifest import filter_warnings
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.logger import Logger, warn
from airflow_provider_cosinv.processing.result import ResultFile
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource
from airflow_provider_cosinv.processing.tables import open_source
from airflow_provider_cosinv.table.engine import EngineSettings
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.relation import Relation

# One more is asked for, and DuckDB counts them in 64 bits.
_MOST_ROWS = 2**63 - 2


class Question:
    """
    What is asked: SQL of one's own, or a ready-made query.

    :param sql: one SELECT
    :param query: name of a ready-made query
    :param arguments: of the ready-made query
    :param parameters: values for each ``$name`` in the SQL
    :raises COSInventoryConfigurationError: where neither or both are given
    """

    def __init__(
        self,
        *,
        sql: str | None,
        query: str | None,
        arguments: Mapping[str, Any] | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if bool(sql) == bool(query):
            raise COSInventoryConfigurationError(
                "Both sql and query are given." if sql else "Neither sql nor query is given.",
                parameter="sql, query",
                hint="Give one of them: sql is a SELECT of your own, query the name of a ready-made one.",
            )
        if sql and arguments:
            raise COSInventoryConfigurationError(
                "query_arguments are given beside sql.",
                parameter="query_arguments",
                hint="They are of a ready-made query. Give the values of SQL in parameters: it reads them as $name.",
            )
        if query and parameters:
            raise COSInventoryConfigurationError(
                "parameters are given beside query.",
                parameter="parameters",
                hint="They are values for sql. Give those of a ready-made query in query_arguments.",
            )
        self._sql = sql
        self._query = query
        self._arguments = arguments
        self.parameters = parameters

    def sql_for(self, table: Relation) -> str:
        """Return the SQL, for the columns that the table has."""
        if self._query:
            table.list_once()
            return ready_query(
                self._query,
                self._arguments,
                columns=table.columns,
                encoded=table.has_encoded,
                at_depth=table.at_depth,
            )
        return self._sql or ""

    @property
    def checked_columns(self) -> tuple[str, ...]:
        """The columns of the answer that :meth:`warnings` looks at."""
        return ("storage_class", "objects", "delete_markers") if self._query == "storage_cost" else ()

    def warnings(self, table: Relation, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """
        Yield what the answer does not say by itself.

        :param table: that was asked
        :param rows: of the answer, with :attr:`checked_columns` at least
        """
        if self._query and table.repeated:
            yield (
                f"The report lists {table.repeated:,} objects or versions more than once; each counts once, by its"
                " latest LastModifiedDate"
            )
        if self._query == "storage_cost":
            unmatched = [str(row["storage_class"]) for row in rows if not (row["objects"] or row["delete_markers"])]
            if unmatched:
                names = shown(", ".join(unmatched))
                yield f"No object of the report is of a class that was given a price or minimum: {names}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    The answer to a question.

    :param rows: JSON-able; None if they are written
    :param written: ``path``, ``rows`` and ``bytes`` of the file; None if the rows are returned
    :param warnings: sentences about the answer
    """

    rows: list[dict[str, Any]] | None = None
    written: dict[str, Any] | None = None
    warnings: tuple[str, ...]


def answer(
    question: Question,
    source: ReportSource | PartsSource,
    *,
    result: ResultFile | None,
    max_rows: int,
    allow_partial: bool,
    clients: Clients,
    settings: EngineSettings,
    log: Logger,
) -> Answer:
    """
    Answer a question; see :meth:`COSInventoryHook.query`.

    :param result: the file to write; None returns the rows
    :param log: gets the warnings about the source
    """
    if isinstance(source, ReportSource):
        warn(log, filter_warnings(source.report))
    if result is None:
        _check_max_rows(max_rows)
    with open_source(source, clients=clients, settings=settings, allow_partial=allow_partial) as table:
        if isinstance(table, PartsTable):
            warn(log, filter_warnings(table.open()))
        sql = question.sql_for(table)
        if result is None:
            rows = table.fetch(sql, max_rows=max_rows, parameters=question.parameters).rows
            return Answer(rows=rows, warnings=tuple(question.warnings(table, rows)))
        written = result.save(table, sql, parameters=question.parameters)
        warnings = question.warnings(table, result.rows_saved(table, question.checked_columns))
        return Answer(written=written, warnings=tuple(warnings))


def _check_max_rows(max_rows: int) -> None:
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or not 1 <= max_rows <= _MOST_ROWS:
        raise COSInventoryConfigurationError(
            f"{quoted(max_rows)} is not a number of rows from 1 to {_MOST_ROWS}.",
            parameter="max_rows",
            hint="Give a whole number, such as 1000; what is written to a destination has no limit.",
        )
