# SPDX-License-Identifier: Apache-2.0
"""Data files of a report become one Parquet part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.destination import ResultLocation
from airflow_provider_cosinv.processing.result import ResultFile
from airflow_provider_cosinv.processing.source import ReportSource
from airflow_provider_cosinv.processing.tables import open_report
from airflow_provider_cosinv.table.engine import EngineSettings


def to_parquet(
    source: ReportSource, *, destination: str | None, clients: Clients, settings: EngineSettings
) -> dict[str, Any]:
    """Write data files as one Parquet part; see :meth:`COSInventoryHook.to_parquet`."""
    report, files = source.report, source.chosen
    beside = f"cos://{report.bucket}/{report.manifest_key.rpartition('/')[0]}/parquet/"
    part = ResultFile(
        location=_in_folder(destination or beside, part_name(report, files)),
        sources=(source,),
        client=cache(lambda: clients.for_result_of(source) if destination else clients.in_region(report.region)),
    )
    part.check()
    with open_report(clients.in_region(report.region), report, source.files, settings) as table:
        made = table.engine.folder / "part.parquet"
        written = part.publish(made, rows=table.save_part(made))
    return {**written, "files": len(files), "source_bytes": sum(file.size for file in files)}


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
            f"{quoted(folder)} is not a folder path.",
            parameter="destination",
            hint="Write cos://name-APPID/folder/, or /a/folder/.",
        )
    return ResultLocation.parse(f"{folder.removesuffix('/')}/{name}")
