# SPDX-License-Identifier: Apache-2.0
"""Reports datasets to Airflow's hook lineage and to OpenLineage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

try:
    from airflow.sdk.lineage import get_hook_lineage_collector
except ImportError:  # Airflow 3.1
    from airflow.lineage.hook import get_hook_lineage_collector  # type: ignore[no-redef,import-not-found]

from airflow_provider_cosinv.processing.datasets import Dataset

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


def was_read(hook: Any, dataset: Dataset) -> None:
    """Tell Airflow that a hook has read something; without a reader of lineage, nothing happens."""
    get_hook_lineage_collector().add_input_asset(context=hook, **_asset(dataset))


def was_written(hook: Any, dataset: Dataset) -> None:
    """Tell Airflow that a hook has written something."""
    get_hook_lineage_collector().add_output_asset(context=hook, **_asset(dataset))


def openlineage(*, inputs: Iterable[Dataset], outputs: Iterable[Dataset]) -> OperatorLineage[Any, Any]:
    """Return what a task reads and writes, for OpenLineage; each once."""
    from airflow.providers.common.compat.openlineage import facet
    from airflow.providers.openlineage.extractors import OperatorLineage

    def facets(datasets: Iterable[Dataset]) -> list[facet.Dataset]:
        return [
            facet.Dataset(
                namespace="file" if dataset.bucket is None else f"cos://{dataset.bucket}",
                name=dataset.path if dataset.bucket is None else dataset.path.strip("/") or "/",
            )
            for dataset in dict.fromkeys(datasets)
        ]

    return OperatorLineage(inputs=facets(inputs), outputs=facets(outputs))


def _asset(dataset: Dataset) -> dict[str, Any]:
    if dataset.bucket is None:
        return {"scheme": "file", "asset_kwargs": {"path": dataset.path}}
    return {"scheme": "cos", "asset_kwargs": {"bucket": dataset.bucket, "key": dataset.path}}
