# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, and what a DAG file pays for."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "airflow_provider_cosinv"
NAME = "airflow_provider_cosinv"

# From the ground up: a room imports itself and the rooms of the lines below it, and each of these outside packages.
# Rooms of one line do not know each other.
HOUSE: list[dict[str, set[str]]] = [
    {"exceptions": set(), "get_provider_info": set()},
    {"inventory": set()},
    {
        "assets": {"airflow"},
        "cos": {"aiohttp", "certifi", "qcloud_cos", "requests", "tenacity", "tencentcloud", "urllib3", "yarl"},
        "emulator": {"anyio", "crcmod", "pytest", "rich", "starlette", "typing_extensions", "uvicorn"},
        "table": {"duckdb", "fsspec", "isal", "numpy", "pyarrow", "typing_extensions"},
    },
    {"processing": {"fsspec"}},
    {"hooks": {"airflow", "wtforms"}},
    {"fs": {"fsspec", "upath"}, "links": {"airflow"}, "waiting": {"airflow", "asgiref"}},
    {"triggers": {"airflow", "asgiref", "async_timeout"}},
    {"operators": {"airflow"}, "sensors": {"airflow"}},
]
HEAVY = {
    "qcloud_cos",
    "tencentcloud",
    "requests",
    "aiohttp",
    "duckdb",
    "isal",
    "fsspec",
    "numpy",
    "pyarrow",
    "pandas",
    "uvicorn",
    "starlette",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """The modules of this package, and the outside packages, that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole name of the module"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    outside = {name.split(".")[0] for name in found - MODULES.keys()}
    return (found & MODULES.keys()) | (outside - sys.stdlib_module_names)


IMPORTS = {name: imports_of(path) - {NAME} for name, path in MODULES.items() if name != NAME}


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_a_room_imports_only_rooms_below_it():
    below: set[str] = set()
    wrong = []
    for line in HOUSE:
        for room, outside in line.items():
            # The emulator shares no code with the client that it is there to test.
            rooms = {"inventory", "exceptions"} if room == "emulator" else below - {"emulator"}
            for module, imported in IMPORTS.items():
                if room_of(module) == room:
                    ours = {name for name in imported if name.startswith(f"{NAME}.")}
                    wrong += [(module, name) for name in ours if room_of(name) not in rooms | {room}]
                    wrong += [(module, name) for name in imported - ours if name not in outside]
        below |= line.keys()
    assert wrong == []
    assert {room_of(module) for module in IMPORTS} == below


def test_no_modules_import_each_other_in_a_circle():
    within = {name: imported & IMPORTS.keys() for name, imported in IMPORTS.items()}
    try:
        TopologicalSorter(within).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_nothing_reads_a_private_attribute_of_the_sdk():
    import qcloud_cos

    private = set()
    for path in Path(qcloud_cos.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
                private.add(node.attr)
    for path in (PACKAGE / "cos").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in private:
                # A name of our own that happens to be the SDK's, too, is read from self.
                assert isinstance(node.value, ast.Name), f"{path}:{node.lineno}"
                assert node.value.id == "self", f"{path}:{node.lineno}"


def modules_loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads beside those of Airflow itself, which a DAG file cannot avoid."""
    script = (
        "import sys, airflow.sdk, airflow.configuration\n"
        "from airflow.sdk import DAG, Asset, BaseHook, BaseOperator, BaseSensorOperator\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def packages_loaded_by(statement: str) -> set[str]:
    return {name.split(".")[0] for name in modules_loaded_by(statement)}


PARSED = [
    "get_provider_info",
    "operators.cos_inventory",
    "operators.cos_inventory_diff",
    "operators.cos_inventory_parquet",
    "operators.cos_inventory_query",
    "operators.cos_inventory_rule",
    "operators.cos_inventory_selection",
    "sensors.cos_inventory",
    "hooks.cos_inventory",
    "triggers.cos_inventory",
    "triggers.cos_inventory_event",
    "links.cos",
    "assets.cos",
    "fs.cos",
    "inventory",
    "emulator",
]


def test_parsing_a_dag_file_loads_no_heavy_module():
    if packages_loaded_by(f"import {', '.join(f'{NAME}.{module}' for module in PARSED)}") & HEAVY:
        # A process takes seconds: only now one for each.
        heavy = {module: packages_loaded_by(f"import {NAME}.{module}") & HEAVY for module in PARSED}
        pytest.fail(f"{ {module: names for module, names in heavy.items() if names} }")


def test_a_dag_that_submits_and_waits_loads_at_most_forty_modules():
    loaded = modules_loaded_by(
        f"from {NAME}.operators.cos_inventory import COSInventoryOperator\n"
        f"from {NAME}.sensors.cos_inventory import COSInventorySensor\n"
        "with DAG('inventory'):\n"
        "    submit = COSInventoryOperator(task_id='submit', bucket='examplebucket-1250000000',"
        " destination_bucket='inventorybucket-1250000000', prefix='logs/', optional_fields=['Size'])\n"
        "    COSInventorySensor(task_id='wait', job=submit.output)"
    )
    ours = {name for name in loaded if name.startswith(f"{NAME}.")}
    assert f"{NAME}.operators.cos_inventory" in ours
    assert len(ours) <= 40, sorted(ours)


def test_the_triggerers_client_loads_neither_the_sdk_nor_requests():
    assert not packages_loaded_by(f"import {NAME}.cos.async_client") & {"qcloud_cos", "requests"}


def test_the_provider_info_imports_nothing_outside_the_standard_library():
    script = f"import sys\nimport {NAME}.get_provider_info\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert "airflow" not in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_what_is_imported_is_declared():
    declared = {canonicalize_name(Requirement(line).name) for line in requires("airflow-provider-cosinv") or ()}
    distributions = packages_distributions()
    # Airflow 3.1 may bring wtforms; type checkers read typing_extensions; pytest runs the plugin.
    undeclared = {"airflow", "wtforms", "typing_extensions", "pytest"}
    imported = {package for line in HOUSE for outside in line.values() for package in outside} - undeclared
    missing = {
        package
        for package in imported
        if not declared & {canonicalize_name(name) for name in distributions.get(package, [package])}
    }
    assert missing == set()
