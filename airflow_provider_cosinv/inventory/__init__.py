# SPDX-License-Identifier: Apache-2.0
"""The domain: configuration, job, report layout, manifest, records. Needs neither Airflow nor a client of COS."""

from __future__ import annotations

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
