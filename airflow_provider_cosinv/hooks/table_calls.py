# SPDX-License-Identifier: Apache-2.0
"""The calls of the hook that need the extra ``table``: reports as tables, and what becomes of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_cosinv.exceptions import shown
from airflow_provider_cosinv.hooks.lineage import was_read, was_written
from airflow_provider_cosinv.hooks.stopwatch import Stopwatch
from airflow_provider_cosinv.inventory.report.manifest import (
    DataFile,
    Manifest,
    as_data_file,
    as_manifest,
    filter_warnings,
)
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.datasets import Dataset
from airflow_provider_cosinv.processing.diff import Report, compare, source_of
from airflow_provider_cosinv.processing.logger import warn
from airflow_provider_cosinv.processing.query import Question, answer
from airflow_provider_cosinv.processing.result import result_file
from airflow_provider_cosinv.processing.selection import Selection, write_selection
from airflow_provider_cosinv.processing.source import Batch, ManifestLike, Parts, PartsSource, ReportSource, one_source
from airflow_provider_cosinv.processing.tables import open_parts, open_report
from airflow_provider_cosinv.processing.to_parquet import to_parquet
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.engine import EngineSettings
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient


class TableCalls(BaseHook):
    """Reports and their Parquet parts as tables."""

    region: str | None

    @abstractmethod
    def client_in(self, region: str) -> COSClient:
        """Return the client of COS of a region; the hook's own region is that of ``region`` or of the connection."""

    @abstractmethod
    def get_conn(self) -> COSClient:
        """Return the client of COS of the hook's own region."""

    @property
    def clients(self) -> Clients:
        """The clients of this hook's connection."""
        return Clients(default=self.get_conn, in_region=self.client_in, has_region=bool(self.region))

    def open_report(
        self,
        manifest: Manifest | Mapping[str, Any],
        files: Iterable[DataFile | Mapping[str, Any]] | None = None,
        *,
        settings: EngineSettings | None = None,
    ) -> AbstractContextManager[ReportTable]:
        """
        Open a report as the table ``inventory``, for SQL; needs the extra ``table``.

        The data files stream into DuckDB, and each is verified while it does. A result counts once ``fetch`` or
        ``save`` returns.

        :param manifest: the output of a COSInventorySensor, or a :class:`Manifest`
        :param files: a part of the manifest's files, such as one batch; default: all
        :param settings: memory, threads, temporary folder, and whether SQL may read more than its inputs
        :return: a context manager of the table
        :raises COSInventoryConfigurationError: where the extra is missing, or a setting is wrong
        """
        report = as_manifest(manifest)
        self._was_read(ReportSource(report, None))
        chosen = None if files is None else [as_data_file(file) for file in files]
        return open_report(self.client_in(report.region), report, chosen, settings or EngineSettings())

    def open_parts(
        self, parts: Parts, *, settings: EngineSettings | None = None, allow_partial: bool = False
    ) -> AbstractContextManager[PartsTable]:
        """
        Open the Parquet parts of one report as the table ``inventory``, for SQL; needs the extra ``table``.

        :param parts: what :meth:`to_parquet` returned, of all batches, or the paths of it: ``cos://bucket/key``, in the
            hook's region, or local
        :param settings: memory, threads, temporary folder, and whether SQL may read more than its inputs
        :param allow_partial: take some parts of a report, too; else one that is missing is an error
        :return: a context manager of the table
        :raises COSInventoryConfigurationError: where the extra is missing, or a setting is wrong
        """
        source = PartsSource.of(parts)
        self._was_read(source)
        return open_parts(self.get_conn, source.paths, settings or EngineSettings(), allow_partial=allow_partial)

    def to_parquet(
        self,
        manifest: ManifestLike,
        *,
        batch: Batch | None = None,
        destination: str | None = None,
        settings: EngineSettings | None = None,
    ) -> dict[str, Any]:
        """
        Write a report, or some of its data files, as one Parquet file (zstd), verified; needs the extra ``table``.

        Its name depends on the report and the data files alone: running it again overwrites the same file.

        :param manifest: the output of a COSInventorySensor, or a :class:`Manifest`
        :param batch: some of its data files, as ``Manifest.batches`` cuts them; default: all
        :param destination: ``cos://name-APPID/folder/`` or an absolute local folder; default: beside the manifest, in
            ``parquet/``
        :param settings: memory, threads and temporary folder
        :return: ``path``, ``rows``, ``bytes`` of the Parquet file, ``files`` and ``source_bytes`` that were read
        :raises COSInventoryConfigurationError: where the extra is missing, or a value is wrong
        :raises COSInventoryCorruptReportError: where a data file is not what the manifest says; nothing is written
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        watch = Stopwatch()
        source = ReportSource.of(manifest, batch)
        self._was_read(source)
        warn(self.log, filter_warnings(source.report))
        written = to_parquet(
            source, destination=destination, clients=self.clients, settings=settings or EngineSettings()
        )
        was_written(self, Dataset.of_file(written["path"]).folder)
        self.log.info(
            "%d rows of %d data files (%d bytes) written to %s (%d bytes) in %.1f s",
            written["rows"],
            written["files"],
            written["source_bytes"],
            shown(written["path"]),
            written["bytes"],
            watch.seconds,
        )
        return written

    def query(
        self,
        *,
        sql: str | None = None,
        query: str | None = None,
        query_arguments: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        manifest: ManifestLike | None = None,
        batch: Batch | None = None,
        parts: Parts | None = None,
        destination: str | None = None,
        format: str | None = None,  # noqa: A002  as DuckDB's COPY and pandas name it
        max_rows: int = 1000,
        allow_partial: bool = False,
        settings: EngineSettings | None = None,
    ) -> list[dict[str, Any]] | dict[str, Any]:
        """
        Ask a report, or its Parquet parts; needs the extra ``table``.

        :param sql: one SELECT over the table ``inventory``; or else
        :param query: the name of a ready-made query, :data:`READY_QUERIES`
        :param query_arguments: of the ready-made query
        :param parameters: with ``sql``: values for each ``$name`` in it, bound
        :param manifest: the output of a COSInventorySensor, or a :class:`Manifest`; or else
        :param batch: with ``manifest``: some of its data files
        :param parts: what :meth:`to_parquet` returned, of all batches, or the paths of it
        :param destination: the file to write, ``cos://name-APPID/key`` or an absolute local path; default: none
        :param format: ``csv`` (with a header) or ``parquet`` (zstd); default: the end of the destination's name
        :param max_rows: that may be returned; more are an error, and so are values of more than 16 MiB. What is
            written has no limit
        :param allow_partial: take some parts of a report, too; else one that is missing is an error
        :param settings: memory, threads, temporary folder, and whether SQL may read more than its inputs
        :return: the rows, JSON-able; or, where they are written, ``path``, ``rows`` and ``bytes``
        :raises COSInventoryConfigurationError: where the extra is missing, a value or the SQL is wrong, or there are
            more rows
        :raises COSInventoryCorruptReportError: where the report is not what its manifest says; nothing is written
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        watch = Stopwatch()
        question = Question(sql=sql, query=query, arguments=query_arguments, parameters=parameters)
        source = one_source(manifest, batch, parts)
        result = result_file(destination, format, lambda: self.clients.for_result_of(source), sources=(source,))
        self._was_read(source)
        answered = answer(
            question,
            source,
            result=result,
            max_rows=max_rows,
            allow_partial=allow_partial,
            clients=self.clients,
            settings=settings or EngineSettings(),
            log=self.log,
        )
        if answered.written is None:
            rows = answered.rows or []
            self.log.info("%d rows returned in %.1f s", len(rows), watch.seconds)
            warn(self.log, answered.warnings)
            return rows
        written = answered.written
        warn(self.log, answered.warnings)
        was_written(self, Dataset.of_file(written["path"]))
        self.log.info(
            "%d rows written to %s (%d bytes) in %.1f s",
            written["rows"],
            shown(written["path"]),
            written["bytes"],
            watch.seconds,
        )
        return written

    def diff(
        self,
        *,
        previous: Report | None,
        current: Report,
        destination: str | None = None,
        format: str | None = None,  # noqa: A002  as DuckDB's COPY and pandas name it
        settings: EngineSettings | None = None,
    ) -> dict[str, Any]:
        """
        Compare two reports; needs the extra ``table``.

        :param previous: the earlier report: the output of a COSInventorySensor, a :class:`Manifest`, or what
            :meth:`to_parquet` returned of all batches, or the paths of it; None where there is none yet, and then
            everything is added
        :param current: the later report, likewise
        :param destination: the file for all that has changed, a row each,
            :class:`.DiffTable`: ``cos://name-APPID/key`` or an absolute local
            path; default: none
        :param format: ``csv`` (with a header) or ``parquet`` (zstd); default: the end of the destination's name
        :param settings: memory, threads and temporary folder
        :return: the counts, :class:`.DiffCounts`; ``warnings``, sentences about
            reports that may not be comparable: exchanged, or ordered differently; if a file is written also its
            ``path``, ``rows`` and ``bytes``
        :raises COSInventoryConfigurationError: if the extra is missing, a value is wrong, or the reports are of
            different buckets or have not the columns that are needed
        :raises COSInventoryCorruptReportError: where a report is not what its manifest says; nothing is written
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        watch = Stopwatch()
        later = source_of(current, "current")
        earlier = None if previous is None else source_of(previous, "previous")
        sources = (later,) if earlier is None else (earlier, later)
        compared = compare(
            earlier,
            later,
            result=result_file(destination, format, lambda: self.clients.for_result_of(later), sources=sources),
            clients=self.clients,
            settings=settings or EngineSettings(),
            log=self.log,
        )
        for source in sources:
            self._was_read(source)
        is_written = "path" in compared
        if is_written:
            was_written(self, Dataset.of_file(compared["path"]))
        self.log.info(
            "%d added, %d removed, %d changed, %d unchanged%s, in %.1f s",
            compared["added"],
            compared["removed"],
            compared["changed"],
            compared["unchanged"],
            f"; {compared['rows']} rows written to {shown(compared['path'])} ({compared['bytes']} bytes)"
            if is_written
            else "",
            watch.seconds,
        )
        return compared

    def write_selection(
        self,
        *,
        where: str,
        parameters: Mapping[str, Any] | None = None,
        inventory_id: str,
        manifest: ManifestLike | None = None,
        parts: Parts | None = None,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        date: str | None = None,
        columns: Sequence[str] | None = None,
        settings: EngineSettings | None = None,
    ) -> dict[str, Any]:
        """
        Write a selection of a report as an inventory of its own; needs the extra ``table``.

        Data files, ``manifest.json``, and last ``manifest.checksum``, as COS writes them: a COSInventorySensor finds
        it by its id, and COS Batch takes it as a list of objects.

        :param where: a condition in SQL over the columns, true for the objects that are selected; one over an empty
            field is unknown, and selects nothing. It may ask the table ``inventory``
        :param parameters: values for each ``$name`` in the condition, bound
        :param inventory_id: of the new inventory; who writes the same id and date again replaces it
        :param manifest: the output of a COSInventorySensor, or a :class:`Manifest`; or else
        :param parts: what :meth:`to_parquet` returned, of all batches, or the paths of it; the report's manifest must
            still be there, in the hook's region, and its data files if the selection has the column Tag
        :param destination_bucket: full name; default: the report's
        :param destination_prefix: of the keys; default: none
        :param date: of the new inventory, ``YYYYMMDD``; default: today in UTC
        :param columns: of the report, Appid, Bucket, Key and VersionId among them; default: all
        :param settings: memory, threads, temporary folder, and whether SQL may read more than its inputs
        :return: the manifest of the new inventory, as a COSInventorySensor returns it, and ``delete_markers`` among its
            rows; None if the report has no column IsDeleteMarker
        :raises COSInventoryConfigurationError: where the extra is missing, or a value or the SQL is wrong
        :raises COSInventoryCorruptReportError: where the report is not what its manifest says; nothing is written
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        watch = Stopwatch()
        source = one_source(manifest, None, parts)
        selection = Selection(
            where=where,
            parameters=parameters,
            columns=columns,
            inventory_id=inventory_id,
            bucket=destination_bucket,
            prefix=destination_prefix,
            date=date,
        )
        self._was_read(source)
        written = write_selection(
            selection,
            source,
            clients=self.clients,
            settings=settings or EngineSettings(),
            log=self.log,
        )
        made = written.manifest
        was_written(self, Dataset.of_report(made))
        self.log.info(
            "%s: %d data files, %s of %s objects%s; written in %.1f s",
            shown(f"cos://{made.bucket}/{made.manifest_key}"),
            len(made.files),
            made.matched_objects,
            made.listed_objects,
            "" if written.delete_markers is None else f", {written.delete_markers:,} of them delete markers",
            watch.seconds,
        )
        return {**made.as_dict(), "delete_markers": written.delete_markers}

    def _was_read(self, source: ReportSource | PartsSource) -> None:
        for dataset in source.datasets:
            was_read(self, dataset)
