# SPDX-License-Identifier: Apache-2.0
"""
What mkdocs itself does not do with links.

The files at the root of the repository become pages; what a page links to outside of ``docs/`` is linked to where the
site shows it; and nothing on the site leads or loads from elsewhere, but the links of ``extra.outside_links``.
"""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# mkdocs counts the warnings of its own loggers, and a strict build fails on one.
log = logging.getLogger("mkdocs.hooks.links")

_ROOT = Path(__file__).parents[2]
_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.zh-CN.md": "zh.md",
    "SECURITY.md": "security.md",
}
_SHOWN = {**_PAGES, "README.md": "index.md", "dags_examples": "examples.md"}
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that lie at the root."""
    for name, page in _PAGES.items():
        # Seen from docs/, as the links of all other pages are.
        text = _LINK.sub(lambda link: f"]({_from_docs(link[1])})", (_ROOT / name).read_text())
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Lead links that leave ``docs/`` to the page of the site that shows the same."""
    up = "../" * page.file.src_uri.count("/")
    return _LINK.sub(lambda link: f"]({_shown(link[1], up)})", markdown)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Warn of what leads or loads from elsewhere."""
    reader = _Reader()
    reader.feed(output)
    for address in reader.loaded:
        log.warning("%s loads %s: the site must bring all that it shows", page.file.src_uri, address)
    for address in reader.linked - set(config.extra["outside_links"]):
        log.warning("%s links to %s, which extra.outside_links of mkdocs.yml does not have", page.file.src_uri, address)
    return output


def _from_docs(target: str) -> str:
    if re.match(r"[a-z]+:|#", target):
        return target
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def _shown(target: str, up: str) -> str:
    outside = f"{up}../"
    if not target.startswith(outside):
        return target
    inside = target.removeprefix(outside)
    if inside in _SHOWN:
        return up + _SHOWN[inside]
    if inside.startswith("dags_examples/"):
        return f"{up}examples.md#{Path(inside).stem}"
    return target


class _Reader(HTMLParser):
    """Collects the addresses that a page loads from and links to, outside of the site."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.linked: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        address = dict(attrs).get(_LOADING.get(tag, "href")) or ""
        if re.match(r"(https?:)?//", address):
            (self.linked if tag == "a" else self.loaded).add(address)
