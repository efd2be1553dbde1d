# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the documents, and which of them a test runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_BLOCK = re.compile(r"^(?:<!-- snippet: (\S+) -->\n)?( *)```(\w*)\n(.*?)^\2```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    """
    One code block.

    :param document: path from the root of the repository
    :param language: what stands behind the fence; empty for commands
    :param text: between the fences
    :param snippet: the file that the block shows, from the root of the repository
    """

    document: str
    language: str
    text: str
    snippet: str | None

    def __str__(self) -> str:
        return f"{self.document}: {self.snippet or self.text.strip().splitlines()[0]}"


def read_blocks(document: str) -> list[Block]:
    """Return the blocks of a document."""
    return [
        Block(document=document, language=language, text=text, snippet=snippet or None)
        for snippet, _, language, text in _BLOCK.findall((ROOT / document).read_text())
    ]


#: The blocks that a test has asked for, to run them.
RUN: set[Block] = set()


def blocks_to_run(document: str, start: str = "", *, language: str | None = None) -> list[str]:
    """Return the texts of the blocks that begin so; whoever asks runs them. Blocks of snippets run as their files."""
    found = [
        block
        for block in read_blocks(document)
        if block.snippet is None and block.text.lstrip().startswith(start) and language in (None, block.language)
    ]
    assert found, f"{document} has no block that begins with {start!r}"
    RUN.update(found)
    return [block.text for block in found]


def runs(document: str, start: str = "", *, language: str | None = None) -> Callable[[Any], Any]:
    """Run the test with each of these blocks, as its argument ``block``."""
    texts = blocks_to_run(document, start, language=language)
    return pytest.mark.parametrize("block", texts, ids=[text.strip().splitlines()[0] for text in texts])
