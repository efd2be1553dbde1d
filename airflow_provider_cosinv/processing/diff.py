# SPDX-License-Identifier: Apache-2.0
"""What has changed from one report to the next: counted, and written where that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from airflow_provider_cosinv.inventory.queries.sql_text import identifier
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.processing.clients import Clients
from airflow_provider_cosinv.processing.logger import Logger, warn
from airflow_provider_cosinv.processing.result import ResultFile
from airflow_provider_cosinv.processing.source import ManifestLike, Parts, PartsSource, ReportSource, naming
from airflow_provider_cosinv.processing.tables import open_engine_over, report_table
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.diff.compared_reports import ComparedReport, check_alike
from airflow_provider_cosinv.table.diff.diff_table import DiffSide, DiffTable
from airflow_provider_cosinv.table.diff.sql import Comparison
from airflow_provider_cosinv.table.engine import EngineSettings
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable

#: A report: its manifest, or its Parquet parts.
Report: TypeAlias = ManifestLike | Parts


@dataclass(frozen=True)
class _Side:
    """One of the two reports, as a table that is not read yet."""

    parameter: str
    table: ReportTable | PartsTable
    report: ComparedReport

    def as_parquet(self, columns: tuple[str, ...]) -> DiffSide:
        """Return the report as Parquet: its parts, or a file in the engine's folder with some columns."""
        if isinstance(self.table, PartsTable):
            return DiffSide(self.table.columns, self.table.paths, lists_once=self.table.is_in_order)
        return self._save(columns, f"{self.parameter}.parquet", "true")

    def nothing(self, columns: tuple[str, ...]) -> DiffSide:
        """Return a report of nothing, with some columns of this one."""
        return self._save(columns, "nothing.parquet", "false")

    def _save(self, columns: tuple[str, ...], name: str, condition: str) -> DiffSide:
        path = self.table.engine.new_file(name)
        names = ", ".join(map(identifier, columns))
        query = f"SELECT {names} FROM {identifier(self.table.name)} WHERE {condition}"
        self.table.save(query, path, options="FORMAT parquet")
        return DiffSide(columns, (str(path),), lists_once=self.table.is_in_order)


def compare(
    earlier: ReportSource | PartsSource | None,
    later: ReportSource | PartsSource,
    *,
    result: ResultFile | None,
    clients: Clients,
    settings: EngineSettings,
    log: Logger,
) -> dict[str, Any]:
    """
    Compare two reports; see :meth:`COSInventoryHook.diff`.

    :param result: the file to write; None writes nothing
    :param log: gets the warnings before the long work, so that the task can be stopped
    """
    sources = (later,) if earlier is None else (earlier, later)
    paths = [path for source in sources if isinstance(source, PartsSource) for path in source.paths]
    with open_engine_over(clients.default, paths, settings) as (engine, source_error):

        def side(source: ReportSource | PartsSource, parameter: str) -> _Side:
            if isinstance(source, ReportSource):
                report = report_table(engine, clients.in_region(source.report.region), source.report)
                report.watches_order = True
                return _Side(parameter, report, ComparedReport.of(source.report, report.columns))
            table = PartsTable(engine=engine, paths=source.paths, name=parameter, source_error=source_error)
            with naming(parameter):
                origin = table.open()
            return _Side(parameter, table, ComparedReport.of(origin, table.columns))

        new = side(later, "current")
        old = None if earlier is None else side(earlier, "previous")
        warnings = check_alike(old.report if old else None, new.report)
        comparison = Comparison.of((old or new).table.columns, new.table.columns)
        warn(log, warnings)
        columns = comparison.previous_columns
        diff = DiffTable(
            engine=engine,
            previous=new.nothing(columns) if old is None else old.as_parquet(columns),
            current=new.as_parquet(comparison.current_columns),
            source_error=source_error,
        )
        counts = diff.counts().as_dict()
        written = {} if result is None else result.save(diff, "SELECT * FROM diff")
    return {**counts, "warnings": list(warnings), **written}


def source_of(report: Report, parameter: str) -> ReportSource | PartsSource:
    """
    Tell a manifest from parts.

    :param parameter: that gave it
    :raises COSInventoryConfigurationError: where it is neither
    """
    if isinstance(report, Manifest) or (isinstance(report, Mapping) and "path" not in report):
        with naming(parameter):
            return ReportSource.of(report)
    return PartsSource.of(report, parameter=parameter)
