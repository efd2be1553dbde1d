# SPDX-License-Identifier: Apache-2.0
"""The names and parameters that users' DAGs depend on: changing one is a breaking change."""

from __future__ import annotations

import inspect

import pytest
from airflow.sdk import BaseOperator

from airflow_provider_cosinv import inventory
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_rule import (
    COSInventoryDeleteRuleOperator,
    COSInventoryRuleOperator,
)
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger

CONTENT = (
    "prefix tags storage_classes created_after created_before included_object_versions optional_fields encryption "
    "account_id"
)
ENGINE = "memory_limit threads temp_directory cos_conn_id region"
PARAMETERS = {
    COSInventoryHook: "cos_conn_id region",
    COSInventoryOperator: f"bucket destination_bucket destination_prefix {CONTENT} inventory_id on_duplicate preflight "
    "cos_conn_id region durable wait_for_completion deferrable poll_interval timeout multiple_outputs",
    COSInventoryRuleOperator: "bucket inventory_id frequency monthly_date is_enabled destination_bucket "
    f"destination_prefix {CONTENT} preflight cos_conn_id region",
    COSInventoryDeleteRuleOperator: "bucket inventory_id cos_conn_id region",
    COSInventorySensor: "job bucket inventory_id destination_bucket destination_prefix date cos_conn_id region "
    "deferrable multiple_outputs",
    COSInventoryEventTrigger: "bucket inventory_id destination_bucket destination_prefix region cos_conn_id "
    "poke_interval since watermark",
    COSInventoryToParquetOperator: f"manifest batch destination {ENGINE}",
    COSInventoryQueryOperator: "sql query query_arguments parameters manifest batch parts destination format "
    f"max_rows allow_partial allow_external_access {ENGINE}",
    COSInventoryDiffOperator: f"previous current destination format {ENGINE} multiple_outputs",
    COSInventorySelectionOperator: "where parameters inventory_id manifest parts destination_bucket "
    f"destination_prefix date columns allow_external_access {ENGINE} multiple_outputs",
}
PLAIN = {"durable", "wait_for_completion", "deferrable", "poll_interval", "timeout", "multiple_outputs", "monthly_date"}
PLAIN |= {"is_enabled", "on_duplicate", "preflight", "max_rows", "allow_partial", "allow_external_access"}
PLAIN |= {"memory_limit", "threads", "temp_directory"}


@pytest.mark.parametrize("cls", list(PARAMETERS), ids=lambda cls: cls.__name__)
def test_the_parameters_are_these_and_keyword_only(cls):
    found = [
        parameter
        for parameter in inspect.signature(inspect.unwrap(cls.__init__)).parameters.values()
        if parameter.name not in ("self", "kwargs")
    ]
    assert [parameter.name for parameter in found] == PARAMETERS[cls].split()
    assert {parameter.kind for parameter in found} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(
    "cls", [cls for cls in PARAMETERS if issubclass(cls, BaseOperator)], ids=lambda cls: cls.__name__
)
def test_every_value_that_one_would_template_is_a_template_field(cls):
    assert set(cls.template_fields) == set(PARAMETERS[cls].split()) - PLAIN


@pytest.mark.parametrize("cls", list(PARAMETERS), ids=lambda cls: cls.__name__)
def test_every_parameter_is_documented(cls):
    documentation = inspect.getdoc(cls) or ""
    for name in PARAMETERS[cls].split():
        assert f":param {name}: " in documentation


def test_the_names_of_the_domain_are_these():
    assert set(inventory.__all__) == {
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
    }
    for name in inventory.__all__:
        assert getattr(inventory, name)
