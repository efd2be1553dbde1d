# SPDX-License-Identifier: Apache-2.0
"""A selection of a report becomes an inventory of its own, on COS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from airflow_provider_cosinv.cos.reports import read_manifest
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.report.layout import MANIFEST_NAME
from airflow_provider_cosinv.inventory.report.manifest import Manifest, filter_warnings
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.destination import ResultLocation, check_writable, publish
from airflow_provider_cosinv.processing.logger import Logger, warn
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource, naming
from airflow_provider_cosinv.processing.tables import open_parts, open_report, open_source
from airflow_provider_cosinv.table.columns import Kind
from airflow_provider_cosinv.table.engine import EngineSettings
from airflow_provider_cosinv.table.relation import Relation
from airflow_provider_cosinv.table.selection.writer import (
    InventoryLocation,
    WrittenInventory,
    chosen_columns,
    write_inventory,
)

_PARAMETER = "destination_bucket"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """
    Which objects of a report are written as an inventory of their own, and where.

    :param where: a condition in SQL over the columns
    :param parameters: values for each ``$name`` in the condition
    :param columns: columns of the report to keep; None keeps all
    :param inventory_id: id of the new inventory
    :param bucket: full name of the bucket to write to; None is the report's
    :param prefix: prefix of the keys to write
    :param date: date of the new inventory, ``YYYYMMDD``; None is today in UTC
    :raises COSInventoryConfigurationError: if there is no condition
    """

    where: str
    parameters: Mapping[str, Any] | None
    columns: Sequence[str] | None
    inventory_id: str
    bucket: str | None
    prefix: str | None
    date: str | None

    def __post_init__(self) -> None:
        if not isinstance(self.where, str) or not self.where.strip():
            raise COSInventoryConfigurationError(
                "There is no condition.", parameter="where", hint="Write one over the columns, such as Size > 1000000."
            )

    def location(self, report: Manifest) -> InventoryLocation:
        """Return where the inventory goes."""
        return InventoryLocation(
            bucket=self.bucket or report.bucket,
            prefix=self.prefix or None,
            inventory_id=self.inventory_id,
            date=self.date or f"{datetime.now(timezone.utc):%Y%m%d}",
        )


def write_selection(
    selection: Selection,
    source: ReportSource | PartsSource,
    *,
    clients: Clients,
    settings: EngineSettings,
    log: Logger,
) -> WrittenInventory:
    """
    Write a selection as an inventory; see :meth:`COSInventoryHook.write_selection`.

    :param log: gets what the result does not say
    """
    client = clients.for_result_of(source)
    with _open(source, selection.columns, clients, settings, log) as (table, report):
        warn(log, filter_warnings(report))
        location = selection.location(report)
        with naming(_PARAMETER):
            check_writable(ResultLocation(location.bucket, MANIFEST_NAME), lambda: client)
        with naming("where", instead_of="sql"):
            written = write_inventory(
                table,
                selection.where,
                table.engine.folder / "selection",
                report=report,
                location=location,
                columns=selection.columns,
                parameters=selection.parameters,
            )
        for path, key in written.files:
            with naming(_PARAMETER):
                publish(path, ResultLocation(location.bucket, key), lambda: client)
    if report.matched_objects and not written.manifest.matched_objects:
        log.warning(
            "The condition of where selected none of the %s objects of the report.", f"{report.matched_objects:,}"
        )
    # It may lie in another region than the report.
    return replace(written, manifest=replace(written.manifest, region=client.region))


@contextmanager
def _open(
    source: ReportSource | PartsSource,
    columns: Sequence[str] | None,
    clients: Clients,
    settings: EngineSettings,
    log: Logger,
) -> Iterator[tuple[Relation, Manifest]]:
    """Open the table, and return its report: parts name it, and its manifest is read again."""
    if isinstance(source, ReportSource):
        with open_source(source, clients=clients, settings=settings) as table:
            yield table, source.report
        return
    with open_parts(clients.default, source.paths, settings, allow_partial=False) as parts:
        origin = parts.open()
        client = clients.default()
        report = read_manifest(
            client, bucket=origin.bucket, region=client.region, key=origin.manifest_key, md5=origin.checksum
        )
        if not any(column.kind is Kind.TAGS for column in chosen_columns(report, columns)):
            yield parts, report
            return
    log.info("Reading the data files of the report: the parts do not hold its tags as COS wrote them.")
    with open_report(clients.in_region(report.region), report, None, settings) as table:
        yield table, report
