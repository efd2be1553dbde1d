# SPDX-License-Identifier: Apache-2.0
"""What the operators of the table have in common: the engine's settings, rendered values, which errors are final."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, failing_fast
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.hooks.lineage import openlineage
from airflow_provider_cosinv.hooks.templates import TextFields, plain
from airflow_provider_cosinv.links.cos import COSResultLink
from airflow_provider_cosinv.processing.datasets import Dataset
from airflow_provider_cosinv.processing.source import PartsSource, ReportSource
from airflow_provider_cosinv.table.engine import EngineSettings

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

_A_REPORT = "Pass the output of the task before, such as wait.output"
_WHAT_TO_GIVE = {
    "query_arguments": 'Give a mapping, such as {"depth": 2}, or JSON of one',
    "parameters": 'Give a mapping, such as {"least": 1000}, or JSON of one',
    "columns": 'Give a list, such as ["Appid", "Bucket", "Key"], or JSON of one',
}


class TableOperator(TextFields):
    """An operator that works on the rows of a report with DuckDB."""

    ui_color = "#d7e8ff"

    operator_extra_links = (COSResultLink(),)

    destination: str | None = None
    memory_limit: str
    threads: int | None
    temp_directory: str | None
    # Of operators that take SQL.
    allow_external_access = False
    cos_conn_id: str
    region: str | None

    _written: Dataset | None = None
    # Whether execute is running.
    _is_working = False

    @cached_property
    def hook(self) -> COSInventoryHook:
        """The hook."""
        return COSInventoryHook(cos_conn_id=self.cos_conn_id, region=self.region or None)

    @abstractmethod
    def sources(self) -> tuple[ReportSource | PartsSource, ...]:
        """
        Return what the rows are of.

        :raises COSInventoryConfigurationError: where a value is wrong
        """

    @contextmanager
    def working(self) -> Iterator[None]:
        """
        Stand around the whole of ``execute``: let Airflow break it off, and not retry what a retry cannot heal.

        That is also a corrupt report.
        """
        self._is_working = True
        try:
            with failing_fast():
                yield
        except COSInventoryCorruptReportError as error:
            raise AirflowFailException(str(error)) from error
        finally:
            self._is_working = False

    def on_kill(self) -> None:
        """
        Break off ``execute``, so that it removes its temporary folder and the parts of an unfinished upload.

        Airflow calls this in the thread that runs it, where SIGTERM finds it: a task that was marked or cleared, or
        whose worker is shut down. It kills the process soon after, without another word. It also calls this after a
        time-out, which has broken it off already.
        """
        if self._is_working:
            # Once: another signal must not break off the removal.
            self._is_working = False
            # What Airflow may retry, if it still wants the task, and what no "except Exception" keeps.
            raise SystemExit("Airflow stopped the task.")

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Return what OpenLineage shows of the task: what it reads, and writes where that is known."""
        try:
            inputs = [dataset for source in self.sources() for dataset in source.datasets]
        except COSInventoryError:
            inputs = []  # the task itself fails on it, and says why
        written = self._written or (Dataset.of_file(self.destination) if self.destination else None)
        return openlineage(inputs=inputs, outputs=[written] if written else [])

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002  the signature
        """Return the same, once the task has ended: all that it wrote is known then."""
        return self.get_openlineage_facets_on_start()

    def keep_result(
        self, context: Context, path: str, *, written: Dataset | None = None, region: str | None = None
    ) -> None:
        """
        Keep what was written, for the link and for lineage.

        :param path: of the file
        :param written: what lineage shall call it; default: the file
        :param region: of its bucket; default: the one that results go to
        """
        self._written = written or Dataset.of_file(path)
        if self.do_xcom_push and path.startswith("cos://"):
            COSResultLink().store(
                context,
                dataset=Dataset.of_file(path).folder,
                region=region or self.hook.clients.for_result_of(self.sources()[-1]).region,
            )

    @property
    def settings(self) -> EngineSettings:
        """What DuckDB may take."""
        return EngineSettings(
            memory_limit=self.memory_limit,
            threads=self.threads,
            temp_directory=self.temp_directory or None,
            allow_external_access=self.allow_external_access,
        )


def rendered(value: Any, parameter: str) -> Any:
    """
    Return what a template wrote as JSON, None for empty text, and anything else as it is.

    :raises COSInventoryConfigurationError: where it begins as JSON and is none, as the text of a Python value is
    """
    if not isinstance(value, str):
        return plain(value)
    text = value.strip()
    if text != "null" and not text.startswith(("{", "[")):
        return text or None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise COSInventoryConfigurationError(
            f"{parameter} is text, but not JSON.",
            parameter=parameter,
            hint=f"{_WHAT_TO_GIVE.get(parameter, _A_REPORT)}, or add | tojson in a template.",
        ) from None
