# SPDX-License-Identifier: Apache-2.0
"""Compares two reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.operators._table_operator import TableOperator, rendered
from airflow_provider_cosinv.processing.diff import source_of
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class COSInventoryDiffOperator(TableOperator):
    """
    Says what has changed from one report to the next, so that a pipeline processes only what is new.

    Each report is a manifest, or its Parquet parts, which take a small part of the time. An object is changed if its
    size, ETag or storage class is another; both reports must be of one bucket and have the same of these columns, and
    Size or ETag at least. An object counts once, however often a report lists it. If they list versions, each version
    counts. Needs the extra ``table``.

    What is written has a row for each difference: ``change`` (``added``, ``removed`` or ``changed``), ``Key``,
    ``VersionId`` where there are versions, ``OldSize``, ``NewSize`` and so on, and the current ``LastModifiedDate``.

    :param previous: the earlier report: the output of a COSInventorySensor, or of COSInventoryToParquetOperator,
        mapped or not, or paths of parts. None, as the first run has it, is a report of nothing: everything is added
        (templated)
    :param current: the later report, likewise (templated)
    :param destination: the file for the differences: ``cos://name-APPID/key``, or an absolute path; default: none
        (templated)
    :param format: with ``destination``: ``csv`` (with a header) or ``parquet`` (zstd); default: the end of its name
        (templated)
    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; default: one for each core
    :param temp_directory: where to make the temporary folder, which must hold what is compared of the manifests, and
        the differences; default: the system's
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the buckets of parts and destination; default: the current manifest's, or the connection's
        (templated)
    :param multiple_outputs: push each key of the result as an XCom of its own, too
    """

    template_fields: Sequence[str] = ("previous", "current", "destination", "format", "cos_conn_id", "region")
    template_fields_renderers = {"previous": "json", "current": "json"}  # noqa: RUF012  Airflow declares it so

    def __init__(
        self,
        *,
        previous: Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | XComArg | str | None,
        current: Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | XComArg | str,
        destination: str | None = None,
        format: str | None = None,  # noqa: A002  as DuckDB's COPY and pandas name it
        memory_limit: str = "400MB",
        threads: int | None = None,
        temp_directory: str | None = None,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.previous: Any = previous
        self.current: Any = current
        self.destination = destination
        self.format = format
        self.memory_limit = memory_limit
        self.threads = threads
        self.temp_directory = temp_directory
        self.cos_conn_id = cos_conn_id
        self.region = region

    def sources(self) -> tuple[ReportSource | PartsSource, ...]:
        """Return the two reports, the later one last; one where there is no earlier one."""
        earlier, later = rendered(self.previous, "previous"), rendered(self.current, "current")
        return (*([] if earlier is None else [source_of(earlier, "previous")]), source_of(later, "current"))

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Compare.

        :returns: ``added``, ``removed``, ``changed``, ``unchanged`` (keys), ``added_bytes``, ``removed_bytes``,
            ``grown_bytes`` and ``compared``, :class:`.DiffCounts`; ``warnings``,
            sentences about reports that may not be comparable; if a file is written also its ``path``, ``rows`` and
            ``bytes``
        :raises AirflowFailException: a wrong parameter, a corrupt report or a refusal by COS, which no retry heals
        :raises COSInventoryError: what a retry may heal
        """
        with self.working():
            result = self.hook.diff(
                previous=rendered(self.previous, "previous"),
                current=rendered(self.current, "current"),
                destination=self.destination,
                format=self.format,
                settings=self.settings,
            )
            if "path" in result:
                self.keep_result(context, result["path"])
        return result
