# SPDX-License-Identifier: Apache-2.0
"""Refuse a destination that would overwrite one of the inputs of a result."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, shown
from airflow_provider_cosinv.inventory.report.layout import CHECKSUM_NAME
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.processing.destination import ResultLocation
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource


def check_replaces_no_source(location: ResultLocation, sources: Iterable[ReportSource | PartsSource]) -> None:
    """
    Refuse a place of a result where something lies that the result is made of.

    :param location: where the result goes
    :param sources: what it is made of; of a report, all files count, also those that are not read
    :raises COSInventoryConfigurationError: where it would replace a part, a data file, a manifest or its checksum
    """
    for source in sources:
        if isinstance(source, ReportSource):
            if location.bucket == source.report.bucket and location.path in _keys(source.report):
                raise _refusal(location, f"a file of the report {source.report.manifest_key}")
        elif any(_is_there(part, location) for part in source.paths):
            raise _refusal(location, "one of the parts that are read")


def _keys(report: Manifest) -> Iterator[str]:
    folder, slash, _ = report.manifest_key.rpartition("/")
    yield report.manifest_key
    yield f"{folder}{slash}{CHECKSUM_NAME}"
    yield from (file.key for file in report.files)


def _is_there(part: str, location: ResultLocation) -> bool:
    if location.bucket is not None or part.startswith("cos://"):
        return part == str(location)
    return _is_same_file(_local_path(part), location.path)


def _local_path(part: str) -> str:
    """Return what DuckDB reads by a path: it takes ``file:``, where it decodes nothing, and ``~``."""
    path = part.removeprefix("file:").removeprefix("//localhost") if part.startswith("file:") else part
    return os.path.expanduser(path)  # noqa: PTH111  Path's raises where nobody has a home


def _is_same_file(path: str, target: str) -> bool:
    """Whether two paths lead to one file, by links or by a folder that is mounted twice; it may be away for now."""
    try:
        return os.path.realpath(path) == os.path.realpath(target) or Path(path).samefile(target)
    except (OSError, ValueError):
        # One of them is not there, or is no path: nothing is replaced.
        return False


def _refusal(location: ResultLocation, what: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        f"{shown(location)} would overwrite {shown(what)}.",
        parameter="destination",
        hint="Choose another place for the result: what it is made of must stay.",
    )
