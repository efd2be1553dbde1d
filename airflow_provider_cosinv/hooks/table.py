# SPDX-License-Identifier: Apache-2.0
"""Reports and their Parquet parts as tables, through a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.inventory.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest, as_data_file
from airflow_provider_cosinv.inventory.parts import PartsTable
from airflow_provider_cosinv.inventory.table import ReportTable

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

_CHUNK_BYTES = 256 * 1024


@contextmanager
def open_report(
    client: COSClient,
    report: Manifest,
    files: Iterable[DataFile | Mapping[str, Any]] | None,
    settings: EngineSettings,
) -> Iterator[ReportTable]:
    """Open a report, or some of its files, as a table; see :meth:`COSInventoryHook.open_report`."""

    def stored_bytes(file: DataFile) -> Iterator[bytes]:
        return client.stream_object(report.bucket, file.key, chunk_size=_CHUNK_BYTES)

    chosen = None if files is None else [as_data_file(file) for file in files]
    with open_engine(settings) as engine:
        yield ReportTable(engine=engine, report=report, files=chosen, open_file=stored_bytes)


@contextmanager
def open_parts(
    client: Callable[[], COSClient], paths: Sequence[str], settings: EngineSettings, *, allow_partial: bool
) -> Iterator[PartsTable]:
    """Open Parquet parts as a table; see :meth:`COSInventoryHook.open_parts`."""
    with open_engine(settings) as engine:
        yield parts_table(engine, client, paths, allow_partial=allow_partial)


def parts_table(
    engine: Engine,
    client: Callable[[], COSClient],
    paths: Sequence[str],
    *,
    name: str = "inventory",
    allow_partial: bool = False,
) -> PartsTable:
    """
    Make a table of Parquet parts.

    :param engine: where it shall live; what lies on COS is read by ranges
    :param client: makes the client of COS, where a path needs one
    :param paths: ``cos://bucket/key`` or local ones
    :param name: of the table
    :param allow_partial: take some parts of a report, too
    """
    if not any(path.startswith("cos://") for path in paths):
        return PartsTable(engine=engine, paths=paths, name=name, allow_partial=allow_partial)
    # fsspec, and with it DuckDB, comes with the extra.
    from airflow_provider_cosinv.hooks.filesystem import COSFileSystem

    filesystem = COSFileSystem(client=client())
    engine.connection.register_filesystem(filesystem)
    return PartsTable(
        engine=engine,
        paths=paths,
        name=name,
        allow_partial=allow_partial,
        source_error=lambda: filesystem.error,
    )
