# SPDX-License-Identifier: Apache-2.0
"""A selection of a report becomes an inventory of its own, on COS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, shown
from airflow_provider_cosinv.hooks.destination import ResultLocation, check_writable, publish
from airflow_provider_cosinv.hooks.lineage import Place, was_written
from airflow_provider_cosinv.hooks.progress import warn
from airflow_provider_cosinv.hooks.report import read_manifest
from airflow_provider_cosinv.hooks.results import Stopwatch
from airflow_provider_cosinv.hooks.source import PartsSource, ReportSource, naming
from airflow_provider_cosinv.inventory.engine import EngineSettings
from airflow_provider_cosinv.inventory.layout import MANIFEST_NAME
from airflow_provider_cosinv.inventory.manifest import Manifest, filter_warnings
from airflow_provider_cosinv.inventory.relation import Relation
from airflow_provider_cosinv.inventory.selection import InventoryPlace, chosen_columns, write_inventory
from airflow_provider_cosinv.inventory.table_columns import Kind

if TYPE_CHECKING:
    from airflow_provider_cosinv.hooks.table_calls import TableCalls

_PARAMETER = "destination_bucket"


def write_selection(
    hook: TableCalls,
    where: str,
    source: ReportSource | PartsSource,
    *,
    inventory_id: str,
    destination_bucket: str | None,
    destination_prefix: str | None,
    date: str | None,
    columns: Sequence[str] | None,
    parameters: Mapping[str, Any] | None,
    settings: EngineSettings | None,
) -> dict[str, Any]:
    """Write a selection as an inventory; see :meth:`TableCalls.write_selection`."""
    watch = Stopwatch()
    if not isinstance(where, str) or not where.strip():
        raise COSInventoryConfigurationError(
            "There is no condition.", parameter="where", hint="Write one over the columns, such as Size > 1000000."
        )
    client = hook.client_for(source)
    with _open(hook, source, columns, settings) as (table, report):
        warn(hook.log, filter_warnings(report))
        place = InventoryPlace(
            bucket=destination_bucket or report.bucket,
            prefix=destination_prefix or None,
            inventory_id=inventory_id,
            date=date or f"{datetime.now(timezone.utc):%Y%m%d}",
        )
        with naming(_PARAMETER):
            check_writable(ResultLocation(place.bucket, MANIFEST_NAME), lambda: client)
        folder = table.engine.folder / "selection"
        with naming("where", instead_of="sql"):
            written = write_inventory(
                table, where, folder, report=report, place=place, columns=columns, parameters=parameters
            )
        for path, key in written.files:
            with naming(_PARAMETER):
                publish(path, ResultLocation(place.bucket, key), lambda: client)
    # It lies where it was written, be it in another region than the report that it was made of.
    manifest = replace(written.manifest, region=client.region)
    was_written(hook, Place.of_report(manifest))
    hook.log.info(
        "%s: %d data files, %s of %s objects%s; written in %.1f s",
        shown(f"cos://{manifest.bucket}/{manifest.manifest_key}"),
        len(manifest.files),
        manifest.matched_objects,
        manifest.listed_objects,
        "" if written.delete_markers is None else f", {written.delete_markers:,} of them delete markers",
        watch.seconds,
    )
    if report.matched_objects and not manifest.matched_objects:
        hook.log.warning(
            "The condition of where selected none of the %s objects of the report.", f"{report.matched_objects:,}"
        )
    return {**manifest.as_dict(), "delete_markers": written.delete_markers}


@contextmanager
def _open(
    hook: TableCalls,
    source: ReportSource | PartsSource,
    columns: Sequence[str] | None,
    settings: EngineSettings | None,
) -> Iterator[tuple[Relation, Manifest]]:
    """Open the table, and tell which report it is of: parts name it, and its manifest is read again."""
    if isinstance(source, ReportSource):
        with hook.open_report(source.report, settings=settings) as table:
            yield table, source.report
        return
    with hook.open_parts(source.paths, settings=settings) as parts:
        origin = parts.open()
        client = hook.get_conn()
        report = read_manifest(
            client, bucket=origin.bucket, region=client.region, key=origin.manifest_key, md5=origin.checksum
        )
        if not any(column.kind is Kind.TAGS for column in chosen_columns(report, columns)):
            yield parts, report
            return
    hook.log.info("Reading the data files of the report: the parts do not hold its tags as COS wrote them.")
    with hook.open_report(report, settings=settings) as table:
        yield table, report
