# SPDX-License-Identifier: Apache-2.0
"""Writes a report, or one batch of its data files, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.operators._table_operator import TableOperator, rendered
from airflow_provider_cosinv.processing.datasets import Dataset
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class COSInventoryToParquetOperator(TableOperator):
    """
    Writes a report, or one batch of its data files, as one Parquet file (zstd), every byte verified.

    Mapped over batches, it uses as many workers as there are; an empty report has no batch to map over, so let the
    task that cuts them return ``batches or [[]]``::

        COSInventoryToParquetOperator.partial(task_id="convert", manifest=wait.output).expand(batch=batches.output)

    The name of the file depends on the report and its data files alone: a retry writes its own part anew, and no other
    task writes it. The part appears once all of it is verified. Needs the extra ``table``.

    :param manifest: the output of a COSInventorySensor (templated)
    :param batch: some of its data files, as ``Manifest.batches`` cuts them; default: all (templated)
    :param destination: ``cos://name-APPID/folder/``, or the absolute path of a folder that all workers see; default:
        ``parquet/`` beside the manifest (templated)
    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; default: one for each core
    :param temp_directory: where to make the temporary folder, which must hold the part; default: the system's
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the destination's bucket; default: the report's (templated)
    """

    template_fields: Sequence[str] = ("manifest", "batch", "destination", "cos_conn_id", "region")
    template_fields_renderers = {"manifest": "json", "batch": "json"}  # noqa: RUF012  Airflow declares it so

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | XComArg | str,
        batch: Sequence[Mapping[str, Any]] | XComArg | str | None = None,
        destination: str | None = None,
        memory_limit: str = "400MB",
        threads: int | None = None,
        temp_directory: str | None = None,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.manifest: Any = manifest
        self.batch: Any = batch
        self.destination = destination
        self.memory_limit = memory_limit
        self.threads = threads
        self.temp_directory = temp_directory
        self.cos_conn_id = cos_conn_id
        self.region = region

    def sources(self) -> tuple[ReportSource | PartsSource, ...]:
        """Return the report."""
        return (self._report,)

    @property
    def _report(self) -> ReportSource:
        return ReportSource.of(rendered(self.manifest, "manifest"))

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Write the part.

        :returns: ``path``, ``rows``, ``bytes`` of the Parquet file, ``files`` and ``source_bytes`` that were read
        :raises AirflowFailException: a wrong parameter, a corrupt report or a refusal by COS, which no retry heals
        :raises COSInventoryError: what a retry may heal
        """
        with self.working():
            written = self.hook.to_parquet(
                rendered(self.manifest, "manifest"),
                batch=rendered(self.batch, "batch"),
                destination=self.destination,
                settings=self.settings,
            )
            self.keep_result(
                context,
                written["path"],
                written=Dataset.of_file(written["path"]).folder,
                # Beside the report it is in the report's region, whatever the task's.
                region=None if self.destination else self._report.report.region,
            )
        return written
