# SPDX-License-Identifier: Apache-2.0
"""
``make snippets``: puts each file that a document shows into its code block.

The files are what tests run; the documents hold copies, so that they are whole wherever Markdown is read. A line before
the block names the file: ``<!-- snippet: docs/snippets/submit/first.py -->``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.blocks import DOCUMENTS, ROOT

_SHOWN = re.compile(r"^(<!-- snippet: (\S+) -->\n```\w*\n).*?^(```)$", re.DOTALL | re.MULTILINE)


def put_snippets(text: str, root: Path) -> str:
    """Return the text of a document, each block of a snippet with what its file holds now."""
    return _SHOWN.sub(lambda block: block[1] + (root / block[2]).read_text() + block[3], text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        path = ROOT / document
        path.write_text(put_snippets(path.read_text(), ROOT))
