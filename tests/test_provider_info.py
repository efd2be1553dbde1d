# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from pydoc import locate

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]  # Airflow brings it

import airflow_provider_cosinv
from airflow_provider_cosinv.cos.credentials.provider import OWN_IDENTITY, SOURCES
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

INFO = get_provider_info()
PACKAGE = Path(airflow_provider_cosinv.__file__).parent
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
        for name in ("handler", "factory", "to_openlineage_converter"):
            assert callable(locate(entry[name]))
    for path in INFO["extra-links"]:
        assert locate(path)().name
    for path in INFO["filesystems"]:
        module = importlib.import_module(path)
        assert module.schemes == ["cos"]
        assert callable(module.get_fs)


def test_it_names_every_module_that_has_something_for_a_dag():
    for kind in ("hooks", "operators", "sensors", "triggers"):
        (entry,) = INFO[kind]
        names = {path.stem for path in (PACKAGE / kind).glob("cos_inventory*.py")}
        assert {module.rpartition(".")[2] for module in entry["python-modules"]} == names


def test_the_registry_is_told_of_every_class():
    registry = yaml.safe_load((PACKAGE.parent / ".airflow-registry.yaml").read_text())
    assert registry["package-name"] == INFO["package-name"]
    assert registry["display-name"] == INFO["name"]
    for kind, ending in (("hooks", "Hook"), ("operators", "Operator"), ("sensors", "Sensor"), ("triggers", "Trigger")):
        (entry,) = INFO[kind]
        classes = {
            f"{module}.{name}"
            for module in entry["python-modules"]
            for name, value in vars(importlib.import_module(module)).items()
            if name.endswith(ending) and getattr(value, "__module__", None) == module
        }
        assert {found["module"] for found in registry[kind]} == classes
        assert all(found["description"] for found in registry[kind])


def test_airflow_prints_all_of_it():
    shown = subprocess.run(
        [sys.executable, "-m", "airflow", "providers", "get", "airflow-provider-cosinv", "--full", "--output", "json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (provider,) = json.loads(shown[shown.index("[") :])
    for key in INFO:
        assert key in provider


@pytest.mark.parametrize(
    ("installed", "is_refused"),
    [
        ({"apache-airflow": "2.11.2"}, True),
        ({"apache-airflow": "3.0.6", "apache-airflow-core": "3.0.6"}, True),
        ({"apache-airflow-core": "3.1.8"}, False),
        ({"apache-airflow-core": "3.4.0b2"}, False),
        ({"apache-airflow-core": "10.0.0"}, False),
        ({}, False),
    ],
)
def test_an_airflow_below_the_floor_is_refused_in_one_line(tmp_path, installed, is_refused):
    for name, version in installed.items():
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    script = f"import sys; sys.path = [{str(tmp_path)!r}, {str(PACKAGE.parent)!r}, *filter(stdlib, sys.path)]"
    script = f"stdlib = lambda path: 'site-packages' not in path\n{script}\nimport airflow_provider_cosinv"
    done = subprocess.run([sys.executable, "-S", "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode != 0) is is_refused, done.stderr
    if is_refused:
        line = done.stderr.splitlines()[-1]
        assert "needs Apache Airflow 3.1 or later; this is" in line


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
        "hidden_fields": ["host", "schema"],
        "relabeling": {"login": "SecretId", "password": "SecretKey", "port": "Port (for the Test button)"},
        "placeholders": CONNECTION["ui-field-behaviour"]["placeholders"],
    }
