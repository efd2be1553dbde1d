# SPDX-License-Identifier: Apache-2.0
"""SQL, or a ready-made query, over a report or its Parquet parts; the result is returned or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.hooks.lineage import Place, was_written
from airflow_provider_cosinv.hooks.progress import warn
from airflow_provider_cosinv.hooks.results import Stopwatch, result_file
from airflow_provider_cosinv.hooks.source import PartsSource, ReportSource
from airflow_provider_cosinv.inventory.engine import EngineSettings
from airflow_provider_cosinv.inventory.manifest import filter_warnings
from airflow_provider_cosinv.inventory.parts import PartsTable
from airflow_provider_cosinv.inventory.queries import ready_query
from airflow_provider_cosinv.inventory.relation import Relation

if TYPE_CHECKING:
    from airflow_provider_cosinv.hooks.table_calls import TableCalls

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


def answer(
    hook: TableCalls,
    question: Question,
    source: ReportSource | PartsSource,
    *,
    destination: str | None,
    format: str | None,  # noqa: A002  the operator's name for it
    max_rows: int,
    allow_partial: bool,
    settings: EngineSettings | None,
) -> list[dict[str, Any]] | dict[str, Any]:
    """Answer a question; see :meth:`TableCalls.query`."""
    watch = Stopwatch()

    if isinstance(source, ReportSource):
        warn(hook.log, filter_warnings(source.report))
    result = result_file(destination, format, lambda: hook.client_for(source), sources=(source,))
    if result is None:
        _check_max_rows(max_rows)
    with open_source(hook, source, settings=settings, allow_partial=allow_partial) as table:
        if isinstance(table, PartsTable):
            warn(hook.log, filter_warnings(table.open()))
        sql = question.sql_for(table)
        if result is None:
            rows = table.fetch(sql, max_rows=max_rows, parameters=question.parameters).rows
            hook.log.info("%d rows returned in %.1f s", len(rows), watch.seconds)
            warn(hook.log, question.warnings(table, rows))
            return rows
        written = result.save(table, sql, parameters=question.parameters)
        warn(hook.log, question.warnings(table, result.rows_saved(table, question.checked_columns)))
    was_written(hook, Place.of_file(written["path"]))
    hook.log.info(
        "%d rows written to %s (%d bytes) in %.1f s",
        written["rows"],
        shown(written["path"]),
        written["bytes"],
        watch.seconds,
    )
    return written


def open_source(
    hook: TableCalls, source: ReportSource | PartsSource, *, settings: EngineSettings | None, allow_partial: bool
) -> AbstractContextManager[Relation]:
    """Open whatever the rows come from as the table ``inventory``."""
    if isinstance(source, ReportSource):
        return hook.open_report(source.report, source.files, settings=settings)
    return hook.open_parts(source.paths, settings=settings, allow_partial=allow_partial)


def _check_max_rows(max_rows: int) -> None:
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or not 1 <= max_rows <= _MOST_ROWS:
        raise COSInventoryConfigurationError(
            f"{quoted(max_rows)} is no number of rows from 1 to {_MOST_ROWS}.",
            parameter="max_rows",
            hint="Give a whole number, such as 1000; what is written to a destination has no limit.",
        )
