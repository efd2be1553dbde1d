# SPDX-License-Identifier: Apache-2.0
"""``docs/reliability.md`` names the test that holds each row: each is there, and none is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.reliability.waiting_table import TABLE

TESTS = Path(__file__).parent
DOCUMENT = (TESTS.parent / "docs" / "reliability.md").read_text()
NAMED = set(re.findall(r"`([a-z_/]+\.py::[A-Za-z_:0-9]+)`", DOCUMENT))
# Every test of these belongs into the document.
WHOLE = [
    *sorted((TESTS / "reliability").glob("test_*.py")),
    *(TESTS / "airflow" / f"test_{name}.py" for name in ("killed_worker", "killed_triggerer", "distinct_inventories")),
]


def names_of(path):
    """The tests of a file, as pytest names them."""
    name = path.relative_to(TESTS).as_posix()
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        front = f"{name}::{node.name}" if isinstance(node, ast.ClassDef) else name
        yield from (f"{front}::{test.name}" for test in inner if getattr(test, "name", "").startswith("test_"))


def test_each_test_that_it_names_is_there():
    there = {test for name in {name.split("::")[0] for name in NAMED} for test in names_of(TESTS / name)}
    assert len(NAMED) > 50
    assert there >= NAMED, sorted(NAMED - there)


def test_no_test_of_reliability_is_left_out():
    all_of_them = {test for path in WHOLE for test in names_of(path)}
    assert all_of_them <= NAMED, sorted(all_of_them - NAMED)


def test_the_table_of_waits_is_the_one_that_is_tested():
    rows = [f"| {row.happens} | {row.ends} |" for row in TABLE]
    start = DOCUMENT.index("| what happens | ends |\n|---|---|\n") + len("| what happens | ends |\n|---|---|\n")
    assert DOCUMENT[start:].split("\n\n")[0].splitlines() == rows
