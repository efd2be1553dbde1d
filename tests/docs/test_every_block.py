# SPDX-License-Identifier: Apache-2.0
"""Every code block of the documents is a file that a test runs, or a block that a test runs."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.docs.blocks import DOCUMENTS, ROOT, RUN, SNIPPETS, read_blocks

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
    if block.snippets:
        assert block.text.strip().splitlines() == [f'--8<-- "{path}"' for path in block.snippets]
        for path in block.snippets:
            assert (ROOT / path).is_file(), path
            assert is_run(path), path
    else:
        assert block in RUN


def test_each_snippet_is_shown():
    shown = {path for block in BLOCKS for path in block.snippets}
    there = {
        str(path.relative_to(ROOT)) for path in SNIPPETS.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }
    assert there <= shown


def test_a_fence_without_a_block_is_seen():
    for document in DOCUMENTS:
        fences = re.findall(r"^ *```", (ROOT / document).read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(read_blocks(document)), document
