# SPDX-License-Identifier: Apache-2.0
"""A result: checked before the work, written to a temporary file, then published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal
from airflow_provider_cosinv.processing.destination import ResultLocation, check_writable, publish
from airflow_provider_cosinv.processing.overwriting import check_replaces_no_source
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource
from airflow_provider_cosinv.table.parquet.read_parquet import exactly, parquet_table
from airflow_provider_cosinv.table.relation import Relation

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

# The options of DuckDB's COPY, by format.
_FORMATS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"}

# Name of the file in the temporary folder.
_MADE = "result"
# Rows that are read back of a file, at most.
_MOST_ROWS = 1_000


@dataclass(frozen=True)
class ResultFile:
    """
    One file of a result.

    :param location: where it goes
    :param sources: what it is made of
    :param client: gives the client of the bucket's region, where the place is a bucket; the same each time
    :param options: of DuckDB's COPY, where that writes it
    """

    location: ResultLocation
    sources: tuple[ReportSource | PartsSource, ...]
    client: Callable[[], COSClient]
    options: str = ""

    def check(self) -> None:
        """
        Find out whether it can be published: before the long work.

        :raises COSInventoryConfigurationError: if it would overwrite one of its inputs
        :raises COSInventoryError: where it cannot be written
        """
        check_replaces_no_source(self.location, self.sources)
        check_writable(self.location, self.client)

    def save(self, relation: Relation, sql: str, *, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Write the rows of a query, and publish them once all that was read is verified.

        :param sql: one SELECT
        :param parameters: values for each ``$name`` in the SQL
        :return: ``path``, ``rows``, and ``bytes`` of the file
        """
        made = relation.engine.folder / _MADE
        rows = relation.save(sql, made, options=self.options, parameters=parameters)
        return self.publish(made, rows=rows)

    def rows_saved(self, relation: Relation, columns: Sequence[str]) -> list[dict[str, Any]]:
        """
        Return rows that :meth:`save` wrote, as long as the relation is open.

        :param relation: the relation they were read from
        :param columns: names of the columns to read; without any, no row is read
        """
        if not columns:
            return []
        path = str(relation.engine.folder / _MADE)
        is_parquet = "parquet" in self.options
        csv = f"read_csv({literal(exactly(path))}, header = true, hive_partitioning = false)"
        table = parquet_table([path]) if is_parquet else csv
        names = ", ".join(map(identifier, columns))
        found = relation.engine.connection.execute(f"SELECT {names} FROM {table} LIMIT {_MOST_ROWS}").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in found]

    def publish(self, made: Path, *, rows: int) -> dict[str, Any]:
        """
        Publish a file.

        :param made: what was written, all of it verified
        :param rows: in it
        :return: as :meth:`save`
        """
        publish(made, self.location, self.client)
        return {"path": str(self.location), "rows": rows, "bytes": made.stat().st_size}


def result_file(
    destination: str | None,
    format: str | None,  # noqa: A002  the operators' name for it
    client: Callable[[], COSClient],
    *,
    sources: tuple[ReportSource | PartsSource, ...],
) -> ResultFile | None:
    """
    Return the file of a result, checked; None where none is wanted.

    :param destination: ``cos://name-APPID/key``, or an absolute local path
    :param format: ``csv`` or ``parquet``; None is what the end of the destination's name says
    :param client: makes the client of the bucket's region, where the destination is a bucket
    :param sources: what the result is made of
    :raises COSInventoryConfigurationError: if it would overwrite one of them
    :raises COSInventoryError: where it cannot be written
    """
    if not destination:
        if format:
            raise COSInventoryConfigurationError(
                "format is given without a destination.", parameter="format", hint="Name the file to write, too."
            )
        return None
    location = ResultLocation.parse(destination)
    name = format or location.path.rpartition(".")[2].lower()
    if name not in _FORMATS:
        raise COSInventoryConfigurationError(
            f"{quoted(format)} is not a format." if format else f"The end of {shown(destination)} tells no format.",
            parameter="format",
            hint=f"Use one of {', '.join(_FORMATS)}.",
        )
    # The connection is not asked for again behind hours of work.
    file = ResultFile(location, sources, cache(client), _FORMATS[name])
    file.check()
    return file
