# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import json
from importlib.resources import files
from pydoc import locate

import jsonschema
import pytest

import airflow_provider_cosinv
from airflow_provider_cosinv.cos.credential_source import OWN_IDENTITY, SOURCES
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

INFO = get_provider_info()
(CONNECTION,) = INFO["connection-types"]


def test_it_is_what_airflows_schema_asks_for():
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_its_name_is_the_distributions():
    # Airflow stops discovering any provider where the two differ.
    assert INFO["package-name"] == importlib.metadata.distribution("airflow-provider-cosinv").name


def test_the_entry_point_leads_to_it():
    (point,) = (
        point
        for point in importlib.metadata.entry_points(group="apache_airflow_provider")
        if point.dist and point.dist.name == "airflow-provider-cosinv"
    )
    assert point.load()() == INFO


def test_there_is_one_version():
    assert importlib.metadata.version("airflow-provider-cosinv") == airflow_provider_cosinv.__version__


def test_every_module_and_class_it_names_exists():
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                importlib.import_module(module)
    assert locate(CONNECTION["hook-class-name"]) is COSInventoryHook
    for entry in INFO["asset-uris"]:
        assert callable(locate(entry["handler"]))
        assert callable(locate(entry["factory"]))


def test_the_hook_agrees_with_it():
    assert COSInventoryHook.conn_type == CONNECTION["connection-type"] == "cos"
    assert COSInventoryHook.hook_name == CONNECTION["hook-name"]
    assert COSInventoryHook.default_conn_name == "cos_default"
    assert COSInventoryHook.conn_name_attr in COSInventoryHook(cos_conn_id="x").__dict__


def test_every_secret_field_of_the_form_is_masked():
    assert CONNECTION["conn-fields"]["token"]["schema"]["format"] == "password"


def test_the_form_offers_every_source_of_credentials():
    fields = CONNECTION["conn-fields"]
    assert tuple(fields["credential"]["schema"]["enum"]) == SOURCES
    assert tuple(fields["credential_source"]["schema"]["enum"]) == OWN_IDENTITY


@pytest.mark.parametrize("name", list(CONNECTION["conn-fields"]))
def test_every_field_of_the_form_explains_itself(name):
    field = CONNECTION["conn-fields"][name]
    assert field["label"]
    assert field["description"].endswith((".", "9000.", "empty."))


def test_airflow_3_1_gets_the_same_form_from_the_hook():
    widgets = COSInventoryHook.get_connection_form_widgets()
    assert list(widgets) == list(CONNECTION["conn-fields"])
    for name, widget in widgets.items():
        field = CONNECTION["conn-fields"][name]
        assert widget.kwargs["label"] == field["label"]
        assert widget.kwargs["description"] == field["description"]
        assert ("Password" in widget.field_class.__name__) is (field["schema"].get("format") == "password")
    assert COSInventoryHook.get_ui_field_behaviour() == {
        "hidden_fields": ["host", "schema", "port"],
        "relabeling": {"login": "SecretId", "password": "SecretKey"},
        "placeholders": CONNECTION["ui-field-behaviour"]["placeholders"],
    }
