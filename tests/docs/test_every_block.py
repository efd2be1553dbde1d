# SPDX-License-Identifier: Apache-2.0
"""Every code block of the documents is a file that a test runs, or a block that a test runs."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.docs.blocks import DOCUMENTS, ROOT, RUN, SNIPPETS, read_blocks
from tests.docs.snippets import put_snippets

TESTS = {
    path: path.read_text()
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    if "system" not in path.parts and "__pycache__" not in path.parts
}
BLOCKS = [block for document in DOCUMENTS for block in read_blocks(document)]


@pytest.fixture(scope="module", autouse=True)
def every_test_has_said_what_it_runs():
    for path, text in TESTS.items():
        if "tests.docs.blocks" in text:
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def is_run(path):
    """Whether a file belongs to the examples, or its folder is one that a test names."""
    if path.startswith("dags_examples/"):
        return True
    topic = path.removeprefix("docs/snippets/").split("/")[0]
    named = re.compile(rf"""SNIPPETS / "{topic}"|snippets(/|" / "){topic}\b""")
    return path.startswith("docs/snippets/") and any(named.search(text) for text in TESTS.values())


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_block_is_run(block):
    assert is_run(block.snippet) if block.snippet else block in RUN


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.snippet], ids=str)
def test_each_block_of_a_snippet_is_what_its_file_holds(block):
    held = (ROOT / block.snippet).read_text()
    assert block.text == held, f"{block.document} shows something else than {block.snippet}. Type: make snippets"


def test_a_block_becomes_what_its_file_holds_and_the_rest_stays(tmp_path):
    (tmp_path / "a.py").write_text("new = 1\n")
    page = "Text.\n\n<!-- snippet: a.py -->\n```python\n{}```\n\n```python\nof_the_page()\n```\n"
    for before in ("", "old = 0\n"):
        assert put_snippets(page.format(before), tmp_path) == page.format("new = 1\n")


def test_each_name_of_a_snippet_stands_before_a_block():
    for document in DOCUMENTS:
        named = re.findall(r"<!-- snippet", (ROOT / document).read_text())
        assert len(named) == sum(block.snippet is not None for block in read_blocks(document)), document


def test_each_snippet_is_shown():
    shown = {block.snippet for block in BLOCKS}
    there = {
        str(path.relative_to(ROOT)) for path in SNIPPETS.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }
    assert there <= shown


def test_a_fence_without_a_block_is_seen():
    for document in DOCUMENTS:
        fences = re.findall(r"^ *```", (ROOT / document).read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(read_blocks(document)), document
