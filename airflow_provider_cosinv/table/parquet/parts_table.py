# SPDX-License-Identifier: Apache-2.0
"""Parquet parts of one report as the table ``inventory``. Comes with the extra ``table``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError, shown
from airflow_provider_cosinv.inventory.queries.sql_text import identifier
from airflow_provider_cosinv.inventory.rows.records import BOTH_PLUS_FORMS
from airflow_provider_cosinv.table.engine import Engine
from airflow_provider_cosinv.table.parquet.key_folders import TAKEN, with_folders
from airflow_provider_cosinv.table.parquet.origin import ORIGIN, PartOrigin, Span, are_in_order
from airflow_provider_cosinv.table.parquet.read_parquet import exactly, parquet_table
from airflow_provider_cosinv.table.relation import Plan, Relation
from airflow_provider_cosinv.table.repeated_identities import count_repeated, find_repeated, once
from airflow_provider_cosinv.table.temporary_folder import may_pass


class PartsTable(Relation):
    """
    The Parquet parts of one report as a table.

    :param engine: where it lives; the paths are among its inputs
    :param paths: of the parts: local ones, or URLs of a file system that DuckDB was given
    :param name: of the table
    :param allow_partial: take some parts of a report, too
    :param source_error: tells, after DuckDB failed, whether a path could not be read, and why
    """

    def __init__(
        self,
        *,
        engine: Engine,
        paths: Sequence[str],
        name: str = "inventory",
        allow_partial: bool = False,
        source_error: Callable[[], Exception | None] = lambda: None,
    ) -> None:
        super().__init__(engine=engine, name=name)
        self._source = source_error
        self.paths = tuple(paths)
        self.allow_partial = allow_partial
        self._columns: tuple[str, ...] = ()
        self._spans: tuple[Span, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        self._prepare()
        return self._columns

    def open(self) -> PartOrigin:
        """
        Read what the parts say of themselves, and make the table.

        :return: the origin of the parts together
        :raises COSInventoryConfigurationError: where a part is none, or the parts are of different reports, or one of
            the report's data files is missing or there twice
        :raises COSInventoryCorruptReportError: where the parts have not as many rows as the report
        """
        origins = self._origins()
        origin = _together(origins)
        if not self.allow_partial:
            self._check_whole(origin)
        connection = self.engine.connection
        with self._reading("The parts"):
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW {identifier(self.name)} AS SELECT * FROM {parquet_table(self.paths)}"
            )
            described = connection.execute(f"DESCRIBE {identifier(self.name)}").fetchall()
        self._columns = tuple(str(column[0]) for column in described)
        self._spans = origin.spans
        return origin

    @property
    def is_in_order(self) -> bool:
        """Whether the parts say that they list each object, or version, once; False if that is not known."""
        self._prepare()
        return self._spans is not None and are_in_order(self._spans)

    def list_once(self) -> None:
        """
        Let the table have each object, or version, once: see :class:`Relation`.

        Parts say whether their files are in order. Only where they are not, identities are compared.
        """
        if self.repeated is not None or self.is_in_order:
            return
        table = parquet_table(self.paths)
        with self.explained():
            self.engine.run(find_repeated(self._columns, table=table))
            self.repeated = count_repeated(self.engine.connection)
            if self.repeated:
                self.engine.connection.execute(
                    f"CREATE OR REPLACE TEMP VIEW {identifier(self.name)} AS {once(self._columns, table=table)}"
                )

    def at_depth(self, depth: int) -> str | None:
        """Return the name of a table that has the first folders of each key in a column; see :class:`Relation`."""
        if self.repeated or TAKEN & {column.lower() for column in self.columns}:
            return None
        connection = self.engine.connection
        with self.explained():
            rows = with_folders(connection, self.paths, depth=depth)
            if rows is None:
                return None
            view = f"{self.name}_at_depth_{depth}"
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(view)} AS {rows}")
        return view

    def _prepare(self) -> None:
        if not self._columns:
            self.open()

    def _run(self, statement: str, plan: Plan) -> list[tuple[Any, ...]]:  # noqa: ARG002  files can be read often
        return self.engine.run(statement)

    def _source_error(self) -> Exception | None:
        return self._source()

    def _origins(self) -> dict[str, PartOrigin]:
        if not self.paths:
            raise COSInventoryConfigurationError(
                "There are no parts.", parameter="parts", hint="Pass the output of COSInventoryToParquetOperator."
            )
        doubled = [path for path, times in Counter(self.paths).items() if times > 1]
        if doubled:
            raise COSInventoryConfigurationError(
                f"{shown(doubled[0])} is named twice.", parameter="parts", hint="Name each part once."
            )
        return {path: self._origin(path) for path in self.paths}

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Tell why DuckDB could not read a part; a part on COS is fetched anew for what was not kept of it."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            # Not the part's fault, and another try may find it gone.
            may_go = isinstance(error, duckdb.IOException) and may_pass(str(error))
            if may_go or isinstance(error, (duckdb.OutOfMemoryException, duckdb.PermissionException)):
                with self.explained():
                    raise
            if source_error := self._source_error():
                raise source_error from None
            raise COSInventoryConfigurationError(
                f"{shown(what)} cannot be read as Parquet: {shown(error)}",
                parameter="parts",
                hint="Run the task that writes it again.",
            ) from None

    def _origin(self, path: str) -> PartOrigin:
        if path.endswith(".csv.gz"):
            raise COSInventoryConfigurationError(
                f"{shown(path)} is a data file of a report, not a part that was made of it.",
                parameter="parts",
                hint="Pass the report's manifest in place of parts.",
            )
        if _is_missing(path):
            raise COSInventoryConfigurationError(
                f"There is no file {shown(path)}.",
                parameter="parts",
                hint="Run the task that writes it again; or write parts to COS, where each worker finds them.",
            )
        with self._reading(path):
            found = self.engine.connection.execute(
                "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = ?", [exactly(path), ORIGIN]
            ).fetchall()
        origin = PartOrigin.read(found[0][0]) if len(found) == 1 else None
        if origin is None:
            raise COSInventoryConfigurationError(
                f"{shown(path)} does not say which report it was made of.",
                parameter="parts",
                hint="Only what COSInventoryToParquetOperator writes is a part of a report. Name each by itself.",
            )
        return origin

    def _check_whole(self, origin: PartOrigin) -> None:
        missing = origin.report_files - len(origin.files)
        if missing:
            raise COSInventoryConfigurationError(
                f"The parts hold {len(origin.files)} of the report's {origin.report_files} data files.",
                parameter="parts",
                bucket=origin.bucket,
                key=origin.manifest_key,
                hint="Pass the parts of all batches; or set allow_partial, where some are meant.",
            )
        if origin.matched_objects is None:
            return
        with self._reading("The parts"):
            ((rows,),) = self.engine.connection.execute(
                "SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata(?)", [list(map(exactly, self.paths))]
            ).fetchall()
        if rows != origin.matched_objects:
            raise COSInventoryCorruptReportError(
                f"The parts have {rows} rows, the manifest says {origin.matched_objects}.",
                bucket=origin.bucket,
                key=origin.manifest_key,
                hint="Take the inventory again, under a new id.",
            )


def _is_missing(path: str) -> bool:
    """Return whether there is no such file; DuckDB knows more paths than absolute ones, and tells of them."""
    if not path.startswith("/"):
        return False
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        # DuckDB will tell.
        return False
    return False


def _together(origins: Mapping[str, PartOrigin]) -> PartOrigin:
    first_path, first = next(iter(origins.items()))
    files: dict[str, str] = {}
    for path, origin in origins.items():
        if (origin.bucket, origin.manifest_key, origin.checksum) != (first.bucket, first.manifest_key, first.checksum):
            raise COSInventoryConfigurationError(
                f"{shown(first_path)} and {shown(path)} are parts of different reports:"
                f" {shown(f'cos://{first.bucket}/{first.manifest_key}')} and"
                f" {shown(f'cos://{origin.bucket}/{origin.manifest_key}')}.",
                parameter="parts",
                hint="Pass the parts of one report. Two reports are compared with COSInventoryDiffOperator.",
            )
        for file in origin.files:
            if file in files:
                raise COSInventoryConfigurationError(
                    f"{shown(files[file])} and {shown(path)} both hold the data file {shown(file)}.",
                    parameter="parts",
                    hint="Pass each part once; where batches were cut anew, throw the old parts away.",
                )
            files[file] = path
    together = replace(first, files=tuple(files)).telling(
        spans=[span for origin in origins.values() for span in origin.spans or ()],
        has_plus=_any_of(origin.has_plus for origin in origins.values()),
        has_escaped_plus=_any_of(origin.has_escaped_plus for origin in origins.values()),
    )
    if together.has_plus and together.has_escaped_plus:
        raise COSInventoryCorruptReportError(
            f"The keys of these parts cannot be trusted: {BOTH_PLUS_FORMS}.",
            bucket=together.bucket,
            key=together.manifest_key,
            hint="Take the inventory again, under a new id.",
        )
    return together


def _any_of(facts: Iterable[bool | None]) -> bool | None:
    """Return whether one is true; None where none is, and not all are known."""
    found = list(facts)
    return True if True in found else None if None in found else False
