# SPDX-License-Identifier: Apache-2.0
"""
What was read and written, for Airflow's hook lineage and for OpenLineage.

A bucket is listed whole, whatever the filter: its dataset is the bucket. A report is the folder of its inventory, so
that today's and yesterday's are one dataset; so are the Parquet parts of one folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

try:
    from airflow.sdk.lineage import get_hook_lineage_collector
except ImportError:  # Airflow 3.1
    from airflow.lineage.hook import get_hook_lineage_collector  # type: ignore[no-redef,import-not-found]

from airflow_provider_cosinv.inventory.manifest import Manifest

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


@dataclass(frozen=True)
class Place:
    """
    Something that is read or written.

    :param bucket: full name; None for local files
    :param path: key or prefix, or absolute path; empty for a whole bucket
    """

    bucket: str | None
    path: str = ""

    @classmethod
    def of_report(cls, manifest: Manifest) -> Place:
        """Return the folder of a report's inventory."""
        return cls(manifest.bucket, manifest.inventory_folder)

    @classmethod
    def of_file(cls, path: str) -> Place:
        """Return the place of ``cos://bucket/key``, or of a local file."""
        scheme, _, rest = path.partition("://")
        if scheme != "cos":
            return cls(None, path)
        bucket, _, key = rest.partition("/")
        return cls(bucket, key.rstrip("/"))

    @property
    def folder(self) -> Place:
        """The folder of a file."""
        return Place(self.bucket, self.path.rpartition("/")[0])


def parts_places(paths: Iterable[str]) -> tuple[Place, ...]:
    """Return the folders of Parquet parts, each once."""
    return tuple(dict.fromkeys(Place.of_file(path).folder for path in paths))


def was_read(hook: Any, place: Place) -> None:
    """Tell Airflow that a hook has read something; without a reader of lineage, nothing happens."""
    get_hook_lineage_collector().add_input_asset(context=hook, **_asset(place))


def was_written(hook: Any, place: Place) -> None:
    """Tell Airflow that a hook has written something."""
    get_hook_lineage_collector().add_output_asset(context=hook, **_asset(place))


def openlineage(*, inputs: Iterable[Place], outputs: Iterable[Place]) -> OperatorLineage[Any, Any]:
    """Return what a task reads and writes, for OpenLineage; each place once."""
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    def datasets(places: Iterable[Place]) -> list[Dataset]:
        return [
            Dataset(
                namespace="file" if place.bucket is None else f"cos://{place.bucket}",
                name=place.path if place.bucket is None else place.path.strip("/") or "/",
            )
            for place in dict.fromkeys(places)
        ]

    return OperatorLineage(inputs=datasets(inputs), outputs=datasets(outputs))


def _asset(place: Place) -> dict[str, Any]:
    if place.bucket is None:
        return {"scheme": "file", "asset_kwargs": {"path": place.path}}
    return {"scheme": "cos", "asset_kwargs": {"bucket": place.bucket, "key": place.path}}
