# SPDX-License-Identifier: Apache-2.0
"""Asks a report, or its Parquet parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.operators._table_operator import TableOperator, rendered
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource, one_source
from airflow_provider_cosinv.table.engine import check_access

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class COSInventoryQueryOperator(TableOperator):
    """
    Runs SQL, or a ready-made query, over a report or its Parquet parts, whose table is named ``inventory``.

    Over a manifest, each data file is verified while it is read. Over parts, which are verified already, the same
    query takes a small part of the time, so more than one question is worth :class:`COSInventoryToParquetOperator`.
    A small result is returned; any other is written, and appears once it is whole. Needs the extra ``table``.

    :param sql: one SELECT of DuckDB, or the name of a ``.sql`` file (templated)
    :param query: instead of ``sql``: the name of a ready-made query, such as ``by_prefix`` (templated)
    :param query_arguments: with ``query``: its arguments, such as ``{"depth": 2}`` (templated: JSON)
    :param parameters: with ``sql``: values for each ``$name`` in it, such as ``{"least": 1000}`` for
        ``Size >= $least``. No value becomes part of the SQL, so give here what comes from a form (templated: JSON)
    :param manifest: the output of a COSInventorySensor (templated)
    :param batch: with ``manifest``: some of its data files; default: all (templated)
    :param parts: instead of ``manifest``: the output of COSInventoryToParquetOperator, mapped or not, or paths of
        parts (templated)
    :param destination: the file to write: ``cos://name-APPID/key``, or an absolute path; default: none, and the rows
        are returned (templated)
    :param format: with ``destination``: ``csv`` (with a header) or ``parquet`` (zstd); default: the end of its name
        (templated)
    :param max_rows: that may be returned; more are an error, and so are values of more than 16 MiB, for XCom is no
        store of data. What is written has no limit
    :param allow_partial: take some parts of a report, too; else one that is missing is an error
    :param allow_external_access: let the SQL read and write whatever the task can, such as files of the worker;
        default: the inputs only. Not templated
    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; default: one for each core
    :param temp_directory: where to make the temporary folder; default: the system's
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the buckets of parts and destination; default: the manifest's, or the connection's (templated)
    """

    template_fields: Sequence[str] = (
        "sql",
        "query",
        "query_arguments",
        "parameters",
        "manifest",
        "batch",
        "parts",
        "destination",
        "format",
        "cos_conn_id",
        "region",
    )
    template_fields_renderers = {  # noqa: RUF012  Airflow declares it so
        "sql": "sql",
        "query_arguments": "json",
        "parameters": "json",
        "manifest": "json",
        "batch": "json",
        "parts": "json",
    }

    def __init__(
        self,
        *,
        sql: str | None = None,
        query: str | None = None,
        query_arguments: Mapping[str, Any] | str | None = None,
        parameters: Mapping[str, Any] | str | None = None,
        manifest: Mapping[str, Any] | XComArg | str | None = None,
        batch: Sequence[Mapping[str, Any]] | XComArg | str | None = None,
        parts: Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | XComArg | str | None = None,
        destination: str | None = None,
        format: str | None = None,  # noqa: A002  as DuckDB's COPY and pandas name it
        max_rows: int = 1000,
        allow_partial: bool = False,
        allow_external_access: bool = False,
        memory_limit: str = "400MB",
        threads: int | None = None,
        temp_directory: str | None = None,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.query = query
        self.query_arguments: Any = query_arguments
        self.parameters: Any = parameters
        self.manifest: Any = manifest
        self.batch: Any = batch
        self.parts: Any = parts
        self.destination = destination
        self.format = format
        self.max_rows = max_rows
        self.allow_partial = allow_partial
        self.allow_external_access = check_access(allow_external_access)
        self.memory_limit = memory_limit
        self.threads = threads
        self.temp_directory = temp_directory
        self.cos_conn_id = cos_conn_id
        self.region = region

    def sources(self) -> tuple[ReportSource | PartsSource, ...]:
        """Return the report, or its parts."""
        return (one_source(rendered(self.manifest, "manifest"), None, rendered(self.parts, "parts")),)

    def execute(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        """
        Ask.

        :returns: the rows; or, where they are written, ``path``, ``rows`` and ``bytes``
        :raises AirflowFailException: a wrong parameter or SQL, a corrupt report or a refusal by COS, which no retry
            heals
        :raises COSInventoryError: what a retry may heal
        """
        with self.working():
            result = self.hook.query(
                sql=self.sql,
                query=self.query,
                query_arguments=rendered(self.query_arguments, "query_arguments"),
                parameters=rendered(self.parameters, "parameters"),
                manifest=rendered(self.manifest, "manifest"),
                batch=rendered(self.batch, "batch"),
                parts=rendered(self.parts, "parts"),
                destination=self.destination,
                format=self.format,
                max_rows=self.max_rows,
                allow_partial=self.allow_partial,
                settings=self.settings,
            )
            if isinstance(result, dict):
                self.keep_result(context, result["path"])
        return result
