# SPDX-License-Identifier: Apache-2.0
"""What the operators of the table have in common: the engine's settings, rendered values, which errors are final."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError
from airflow_provider_cosinv.hooks.airflow_exceptions import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.hooks.failure import failing_fast
from airflow_provider_cosinv.inventory.engine import EngineSettings


class TableOperator(BaseOperator):
    """An operator that works on the rows of a report with DuckDB."""

    ui_color = "#d7e8ff"

    memory_limit: str
    threads: int | None
    temp_directory: str | None
    cos_conn_id: str
    region: str | None

    @cached_property
    def hook(self) -> COSInventoryHook:
        """The hook."""
        return COSInventoryHook(cos_conn_id=self.cos_conn_id, region=self.region or None)

    @property
    def settings(self) -> EngineSettings:
        """What DuckDB may take."""
        return EngineSettings(
            memory_limit=self.memory_limit, threads=self.threads, temp_directory=self.temp_directory or None
        )


@contextmanager
def failing_at_once() -> Iterator[None]:
    """Turn an error that a retry cannot heal into one that Airflow does not retry: also that a report is corrupt."""
    with failing_fast():
        try:
            yield
        except COSInventoryCorruptReportError as error:
            raise AirflowFailException(str(error)) from error


def rendered(value: Any, parameter: str) -> Any:
    """
    Return what a template wrote as JSON, None for empty text, and anything else as it is.

    :raises COSInventoryConfigurationError: where it begins as JSON and is none, as the text of a Python value is
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text != "null" and not text.startswith(("{", "[")):
        return text or None
    try:
        return json.loads(text)
    except ValueError:
        raise COSInventoryConfigurationError(
            f"{parameter} is text, but no JSON.",
            parameter=parameter,
            hint="Pass the output of the task before, such as wait.output, or add | tojson in a template.",
        ) from None
