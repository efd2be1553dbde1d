# SPDX-License-Identifier: Apache-2.0
"""
The domain: configuration, job, report, records. Imports the standard library and nothing else.

Begin with configuration.py and job.py; a report is in report/, its rows in rows/, ready-made queries in queries/.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_cosinv.inventory.configuration import (
        Destination,
        InventoryConfiguration,
        InventoryFilter,
        Schedule,
        Tag,
    )
    from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS
    from airflow_provider_cosinv.inventory.identity import TaskIdentity, derive_inventory_id
    from airflow_provider_cosinv.inventory.job import InventoryJob
    from airflow_provider_cosinv.inventory.names import BucketName
    from airflow_provider_cosinv.inventory.report.manifest import DataFile, DataFileDict, Manifest
    from airflow_provider_cosinv.inventory.report.manifest_reader import parse_manifest
    from airflow_provider_cosinv.inventory.report.search import ReportSearch, Sighting
    from airflow_provider_cosinv.inventory.rows.records import InventoryRecord

_MODULES = {
    "STANDARD_FIELDS": "fields",
    "BucketName": "names",
    "DataFile": "report.manifest",
    "DataFileDict": "report.manifest",
    "Destination": "configuration",
    "InventoryConfiguration": "configuration",
    "InventoryFilter": "configuration",
    "InventoryJob": "job",
    "InventoryRecord": "rows.records",
    "Manifest": "report.manifest",
    "ReportSearch": "report.search",
    "Schedule": "configuration",
    "Sighting": "report.search",
    "Tag": "configuration",
    "TaskIdentity": "identity",
    "derive_inventory_id": "identity",
    "parse_manifest": "report.manifest_reader",
}

__all__ = [
    "STANDARD_FIELDS",
    "BucketName",
    "DataFile",
    "DataFileDict",
    "Destination",
    "InventoryConfiguration",
    "InventoryFilter",
    "InventoryJob",
    "InventoryRecord",
    "Manifest",
    "ReportSearch",
    "Schedule",
    "Sighting",
    "Tag",
    "TaskIdentity",
    "derive_inventory_id",
    "parse_manifest",
]


def __getattr__(name: str) -> Any:
    # A DAG file that imports an operator imports this package, too, and needs few of its modules.
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
