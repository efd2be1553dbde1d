# SPDX-License-Identifier: Apache-2.0
"""Data files of a report become one Parquet part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.hooks.destination import ResultLocation
from airflow_provider_cosinv.hooks.lineage import Place, was_written
from airflow_provider_cosinv.hooks.progress import warn
from airflow_provider_cosinv.hooks.results import ResultFile, Stopwatch
from airflow_provider_cosinv.hooks.source import Batch, ManifestLike, ReportSource
from airflow_provider_cosinv.inventory.engine import EngineSettings
from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest, filter_warnings

if TYPE_CHECKING:
    from airflow_provider_cosinv.hooks.table_calls import TableCalls


def to_parquet(
    hook: TableCalls,
    manifest: ManifestLike,
    *,
    batch: Batch | None,
    destination: str | None,
    settings: EngineSettings | None,
) -> dict[str, Any]:
    """Write data files as one Parquet part; see :meth:`TableCalls.to_parquet`."""
    watch = Stopwatch()
    source = ReportSource.of(manifest, batch)
    report, files = source.report, source.chosen
    warn(hook.log, filter_warnings(report))
    beside = f"cos://{report.bucket}/{report.manifest_key.rpartition('/')[0]}/parquet/"
    part = ResultFile(
        location=_in_folder(destination or beside, part_name(report, files)),
        sources=(source,),
        client=cache(lambda: hook.client_for(source) if destination else hook.client_in(report.region)),
    )
    part.check()
    with hook.open_report(report, source.files, settings=settings) as table:
        made = table.engine.folder / "part.parquet"
        written = part.publish(made, rows=table.save_part(made))
    was_written(hook, Place.of_file(written["path"]).folder)
    source_bytes = sum(file.size for file in files)
    hook.log.info(
        "%d rows of %d data files (%d bytes) written to %s (%d bytes) in %.1f s",
        written["rows"],
        len(files),
        source_bytes,
        shown(written["path"]),
        written["bytes"],
        watch.seconds,
    )
    return {**written, "files": len(files), "source_bytes": source_bytes}


def part_name(report: Manifest, files: Iterable[DataFile]) -> str:
    """
    Return the name of a part, which no other one has: it depends on the report and on the data files alone.

    :param files: in any order
    """
    origin = [report.bucket, report.manifest_key, report.checksum, sorted(file.key for file in files)]
    return f"part-{hashlib.sha256(json.dumps(origin).encode()).hexdigest()[:16]}.parquet"


def _in_folder(folder: str, name: str) -> ResultLocation:
    if not isinstance(folder, str):
        raise COSInventoryConfigurationError(
            f"{quoted(folder)} is no folder.",
            parameter="destination",
            hint="Write cos://name-APPID/folder/, or /a/folder/.",
        )
    return ResultLocation.parse(f"{folder.removesuffix('/')}/{name}")
