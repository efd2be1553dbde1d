# SPDX-License-Identifier: Apache-2.0
"""Writes a selection of a report as an inventory of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.assets.events import announce
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.operators._table_operator import TableOperator, rendered
from airflow_provider_cosinv.processing.datasets import Dataset
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource, one_source
from airflow_provider_cosinv.table.engine import check_access

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class COSInventorySelectionOperator(TableOperator):
    """
    Writes the objects that a condition selects as an inventory of its own: data files, manifest and checksum.

    So COS Batch takes it as the list of objects to work on, and this package reads it as any other report: the result
    is its manifest, as a COSInventorySensor returns it, and assets among the ``outlets`` get the same event. The same
    id and date again replace it, as a retry does. Fields are written as COS wrote them. Needs the extra ``table``.

    :param where: a condition in SQL over the columns, true for the objects that are selected, such as
        ``StorageClass = 'STANDARD' AND Size > 1000000``; one over an empty field is unknown, and selects nothing. It
        may ask the table ``inventory``; or the name of a ``.sql`` file (templated)
    :param parameters: values for each ``$name`` in ``where``, such as ``{"least": 1000}`` for ``Size >= $least``. No
        value becomes part of the SQL, so give here what comes from a form (templated: JSON)
    :param inventory_id: id of the new inventory (templated)
    :param manifest: the output of a COSInventorySensor (templated)
    :param parts: instead of ``manifest``: the output of COSInventoryToParquetOperator, mapped or not, or paths of
        parts; the report's manifest must still be there, and its data files if the selection has the column Tag
        (templated)
    :param destination_bucket: full name of the bucket for it; default: the report's (templated)
    :param destination_prefix: prefix of its keys; default: none (templated)
    :param date: of the new inventory, ``YYYYMMDD``; default: the day the DAG run was due, in UTC (templated)
    :param columns: of the report, that it shall have, Appid, Bucket, Key and VersionId among them; default: all
        (templated: JSON)
    :param allow_external_access: let the SQL read and write whatever the task can, such as files of the worker;
        default: the inputs only. Not templated
    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; default: one for each core
    :param temp_directory: where to make the temporary folder, which must hold the selection; default: the system's
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the buckets of parts and destination; default: the manifest's, or the connection's (templated)
    :param multiple_outputs: push each key of the result as an XCom of its own, too
    """

    template_fields: Sequence[str] = (
        "where",
        "parameters",
        "inventory_id",
        "manifest",
        "parts",
        "destination_bucket",
        "destination_prefix",
        "date",
        "columns",
        "cos_conn_id",
        "region",
    )
    template_fields_renderers = {  # noqa: RUF012  Airflow declares it so
        "where": "sql",
        "parameters": "json",
        "manifest": "json",
        "parts": "json",
        "columns": "json",
    }

    def __init__(
        self,
        *,
        where: str,
        parameters: Mapping[str, Any] | str | None = None,
        inventory_id: str,
        manifest: Mapping[str, Any] | XComArg | str | None = None,
        parts: Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | XComArg | str | None = None,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        date: str | None = None,
        columns: Sequence[str] | str | None = None,
        allow_external_access: bool = False,
        memory_limit: str = "400MB",
        threads: int | None = None,
        temp_directory: str | None = None,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.where = where
        self.parameters: Any = parameters
        self.inventory_id = inventory_id
        self.manifest: Any = manifest
        self.parts: Any = parts
        self.destination_bucket = destination_bucket
        self.destination_prefix = destination_prefix
        self.date = date
        self.columns: Any = columns
        self.allow_external_access = check_access(allow_external_access)
        self.memory_limit = memory_limit
        self.threads = threads
        self.temp_directory = temp_directory
        self.cos_conn_id = cos_conn_id
        self.region = region

    def sources(self) -> tuple[ReportSource | PartsSource, ...]:
        """Return the report, or its parts."""
        return (one_source(rendered(self.manifest, "manifest"), None, rendered(self.parts, "parts")),)

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Write the selection.

        :returns: its manifest, :meth:`Manifest.as_dict`, and ``delete_markers`` among its rows; None if the report has
            no column IsDeleteMarker
        :raises AirflowFailException: a wrong parameter or SQL, a corrupt report or a refusal by COS, which no retry
            heals
        :raises COSInventoryError: what a retry may heal
        """
        with self.working():
            written = self.hook.write_selection(
                where=self.where,
                parameters=rendered(self.parameters, "parameters"),
                inventory_id=self.inventory_id,
                manifest=rendered(self.manifest, "manifest"),
                parts=rendered(self.parts, "parts"),
                destination_bucket=self.destination_bucket,
                destination_prefix=self.destination_prefix,
                # The same on every retry.
                date=self.date or f"{context['dag_run'].run_after.astimezone(timezone.utc):%Y%m%d}",
                columns=rendered(self.columns, "columns"),
                settings=self.settings,
            )
            manifest = Manifest.from_dict(written)
            path = f"cos://{manifest.bucket}/{manifest.manifest_key}"
            self.keep_result(context, path, written=Dataset.of_report(manifest))
            announce(manifest, self.outlets, context)
        return written
