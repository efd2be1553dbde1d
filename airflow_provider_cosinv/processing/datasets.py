# SPDX-License-Identifier: Apache-2.0
"""
What a task reads and writes, as lineage names it.

A bucket is listed whole, whatever the filter: its dataset is the bucket. A report is the folder of its inventory, so
that today's and yesterday's are one dataset; so are the Parquet parts of one folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_cosinv.inventory.report.manifest import Manifest


@dataclass(frozen=True)
class Dataset:
    """
    A bucket, a folder of it, or a file, as lineage names what is read or written.

    :param bucket: full name; None for local files
    :param path: key or prefix, or absolute path; empty for a whole bucket
    """

    bucket: str | None
    path: str = ""

    @classmethod
    def of_report(cls, manifest: Manifest) -> Dataset:
        """Return the folder of a report's inventory."""
        return cls(manifest.bucket, manifest.inventory_folder)

    @classmethod
    def of_file(cls, path: str) -> Dataset:
        """Return the dataset of ``cos://bucket/key``, or of a local file."""
        scheme, _, rest = path.partition("://")
        if scheme != "cos":
            return cls(None, path)
        bucket, _, key = rest.partition("/")
        return cls(bucket, key.rstrip("/"))

    @property
    def folder(self) -> Dataset:
        """The folder of a file."""
        return Dataset(self.bucket, self.path.rpartition("/")[0])


def parts_datasets(paths: Iterable[str]) -> tuple[Dataset, ...]:
    """Return the folders of Parquet parts, each once."""
    return tuple(dict.fromkeys(Dataset.of_file(path).folder for path in paths))
