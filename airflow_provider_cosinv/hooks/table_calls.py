# SPDX-License-Identifier: Apache-2.0
"""The calls of the hook that need the extra ``table``: reports as tables, and what becomes of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_cosinv.hooks.comparison import Report, compare
from airflow_provider_cosinv.hooks.lineage import Place, was_read
from airflow_provider_cosinv.hooks.parquet import to_parquet
from airflow_provider_cosinv.hooks.query import Question, answer
from airflow_provider_cosinv.hooks.selection import write_selection
from airflow_provider_cosinv.hooks.source import Batch, ManifestLike, Parts, PartsSource, ReportSource, one_source
from airflow_provider_cosinv.hooks.table import open_parts, open_report
from airflow_provider_cosinv.inventory.engine import EngineSettings
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest, as_manifest
from airflow_provider_cosinv.inventory.parts import PartsTable
from airflow_provider_cosinv.inventory.table import ReportTable

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

    def client_for(self, source: ReportSource | PartsSource) -> COSClient:
        """
        Return the client of COS for a result: of the hook's own region where it was told one, else of the report's.

        :param source: what the result is made of
        """
        if self.region or isinstance(source, PartsSource):
            return self.get_conn()
        return self.client_in(source.report.region)

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
        was_read(self, Place.of_report(report))
        return open_report(self.client_in(report.region), report, files, settings or EngineSettings())

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
        for place in source.places:
            was_read(self, place)
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

        Its name depends on the report and the data files alone: who does it again writes the same file anew.

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
        return to_parquet(self, manifest, batch=batch, destination=destination, settings=settings)

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
        :param query: the name of a ready-made query, :data:`~airflow_provider_cosinv.inventory.queries.READY_QUERIES`
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
        return answer(
            self,
            Question(sql=sql, query=query, arguments=query_arguments, parameters=parameters),
            one_source(manifest, batch, parts),
            destination=destination,
            format=format,
            max_rows=max_rows,
            allow_partial=allow_partial,
            settings=settings,
        )

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
            :class:`~airflow_provider_cosinv.inventory.diff.DiffTable`: ``cos://name-APPID/key`` or an absolute local
            path; default: none
        :param format: ``csv`` (with a header) or ``parquet`` (zstd); default: the end of the destination's name
        :param settings: memory, threads and temporary folder
        :return: the counts, :class:`~airflow_provider_cosinv.inventory.diff.DiffCounts`; ``warnings``, sentences about
            reports that may not be comparable: exchanged, or ordered differently; if a file is written also its
            ``path``, ``rows`` and ``bytes``
        :raises COSInventoryConfigurationError: if the extra is missing, a value is wrong, or the reports are of
            different buckets or have not the columns that are needed
        :raises COSInventoryCorruptReportError: where a report is not what its manifest says; nothing is written
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        return compare(self, previous, current, destination=destination, format=format, settings=settings)

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
        return write_selection(
            self,
            where,
            one_source(manifest, None, parts),
            inventory_id=inventory_id,
            destination_bucket=destination_bucket,
            destination_prefix=destination_prefix,
            date=date,
            columns=columns,
            parameters=parameters,
            settings=settings,
        )
