# SPDX-License-Identifier: Apache-2.0
"""Reports and their Parquet parts as tables, through a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.relation import Relation

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

_CHUNK_BYTES = 256 * 1024


def open_source(
    source: ReportSource | PartsSource, *, clients: Clients, settings: EngineSettings, allow_partial: bool = False
) -> AbstractContextManager[Relation]:
    """Open a report or its parts as the table ``inventory``; ``allow_partial`` is for parts."""
    if isinstance(source, ReportSource):
        client = clients.in_region(source.report.region)
        return open_report(client, source.report, source.files, settings)
    return open_parts(clients.default, source.paths, settings, allow_partial=allow_partial)


@contextmanager
def open_report(
    client: COSClient, report: Manifest, files: Sequence[DataFile] | None, settings: EngineSettings
) -> Iterator[ReportTable]:
    """Open a report, or some of its files, as a table; see :meth:`COSInventoryHook.open_report`."""
    with open_engine(settings) as engine:
        yield report_table(engine, client, report, files)


@contextmanager
def open_parts(
    client: Callable[[], COSClient], paths: Sequence[str], settings: EngineSettings, *, allow_partial: bool
) -> Iterator[PartsTable]:
    """Open Parquet parts as a table; see :meth:`COSInventoryHook.open_parts`."""
    with open_engine_over(client, paths, settings) as (engine, source_error):
        yield PartsTable(engine=engine, paths=paths, allow_partial=allow_partial, source_error=source_error)


def report_table(
    engine: Engine, client: COSClient, report: Manifest, files: Sequence[DataFile] | None = None
) -> ReportTable:
    """
    Make a table of a report.

    :param engine: where it shall live
    :param client: of the report's region
    :param report: the manifest
    :param files: a part of the manifest's; None is all
    """

    def stored_bytes(file: DataFile) -> Iterator[bytes]:
        return client.stream_object(report.bucket, file.key, chunk_size=_CHUNK_BYTES, size=file.size)

    return ReportTable(engine=engine, report=report, files=files, open_file=stored_bytes)


@contextmanager
def open_engine_over(
    client: Callable[[], COSClient], paths: Sequence[str], settings: EngineSettings
) -> Iterator[tuple[Engine, Callable[[], Exception | None]]]:
    """
    Start DuckDB over Parquet, on COS or local. What lies on COS is read by ranges.

    :param client: makes the client of COS, if a path needs one
    :param paths: ``cos://bucket/key`` or local ones: SQL can read these and, unless the settings allow it, no others
    :param settings: of DuckDB
    :return: a context manager of the engine, and of a function that tells, after DuckDB failed, whether a path could
        not be read, and why
    """
    if not any(path.startswith("cos://") for path in paths):
        with open_engine(settings, inputs=paths) as engine:
            yield engine, lambda: None
        return
    # It imports fsspec.
    from airflow_provider_cosinv.processing.sql_inputs import SQLInputs

    # A wrong connection is no fault of the SQL: make the client before DuckDB asks for it.
    made = client()
    filesystem = SQLInputs(client=lambda: made, inputs=None if settings.allow_external_access else paths)

    def source_error() -> Exception | None:
        # It is why this statement failed, and not why the next one will.
        error, filesystem.error = filesystem.error, None
        if error is None or isinstance(error, Exception):
            return error
        # The task's time is over, or somebody stopped it: that is no failed query.
        raise error

    with open_engine(settings, inputs=paths, filesystem=filesystem) as engine:
        yield engine, source_error
