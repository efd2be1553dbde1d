# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, and what a DAG file pays for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "airflow_provider_cosinv"
NAME = "airflow_provider_cosinv"

# Room: rooms and outside packages that it may import. "exceptions" is open to all.
ALLOWED = {
    "exceptions": set(),
    "get_provider_info": set(),
    "inventory": {"inventory", "exceptions", "duckdb", "fsspec", "isal", "numpy", "pyarrow", "typing_extensions"},
    "cos": {
        "cos",
        "inventory",
        "exceptions",
        "qcloud_cos",
        "tencentcloud",
        "requests",
        "urllib3",
        "certifi",
        "aiohttp",
        "yarl",
        "tenacity",
    },
    "hooks": {"hooks", "assets", "cos", "inventory", "exceptions", "get_provider_info", "airflow", "wtforms", "fsspec"},
    "assets": {"inventory", "exceptions", "airflow"},
    "links": {"hooks", "airflow"},
    "operators": {"operators", "hooks", "links", "cos", "inventory", "exceptions", "triggers", "airflow"},
    "sensors": {"hooks", "links", "cos", "inventory", "exceptions", "triggers", "airflow"},
    "triggers": {"hooks", "cos", "inventory", "exceptions", "triggers", "airflow", "asgiref", "async_timeout"},
    "emulator": {
        "emulator",
        "inventory",
        "exceptions",
        "starlette",
        "uvicorn",
        "anyio",
        "rich",
        "pytest",
        "crcmod",
        "typing_extensions",
    },
}
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


def imports_of(path):
    """The rooms of this package and the outside packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            names = [f"{NAME}.{alias.name}" for alias in node.names] if module == NAME else [module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == NAME:
                yield parts[1] if len(parts) > 1 else ""
            elif parts[0] not in sys.stdlib_module_names:
                yield parts[0]


def files():
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert set(imports_of(path)) - {"", "__version__"} <= ALLOWED[room]


def test_every_room_is_in_the_table():
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in files()} == set(ALLOWED)


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


def modules_loaded_by(statement):
    # What Airflow itself has loaded does not count: DAG files cannot avoid it.
    script = (
        "import sys, airflow.sdk, airflow.configuration\n"
        "from airflow.sdk import BaseHook, BaseOperator, BaseSensorOperator, Asset\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


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
    "inventory",
    "emulator",
]


def test_parsing_a_dag_file_loads_no_heavy_module():
    if modules_loaded_by(f"import {', '.join(f'{NAME}.{module}' for module in PARSED)}") & HEAVY:
        # A process takes seconds: only now one for each.
        heavy = {module: modules_loaded_by(f"import {NAME}.{module}") & HEAVY for module in PARSED}
        pytest.fail(f"{ {module: names for module, names in heavy.items() if names} }")


def test_the_provider_info_imports_nothing_outside_the_standard_library():
    script = f"import sys\nimport {NAME}.get_provider_info\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert "airflow" not in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
