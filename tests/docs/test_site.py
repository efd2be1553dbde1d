# SPDX-License-Identifier: Apache-2.0
"""The site: it is built without a warning, has every public name, and needs nothing from elsewhere."""

from __future__ import annotations

import html
import os
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_cosinv import emulator, exceptions, inventory
from tests.docs.blocks import ROOT
from tests.test_public_names import PARAMETERS

DOCSTRINGS = runpy.run_path(str(ROOT / "docs" / "hooks" / "docstrings.py"))
LINKS = runpy.run_path(str(ROOT / "docs" / "hooks" / "links.py"))
PUBLIC = [
    *(f"{cls.__module__}.{cls.__name__}" for cls in PARAMETERS),
    *(f"{inventory.__name__}.{name}" for name in inventory.__all__ if name != "STANDARD_FIELDS"),
    *(f"{exceptions.__name__}.{name}" for name in exceptions.__dict__ if name.startswith("COSInventory")),
    *(f"{getattr(emulator, name).__module__}.{name}" for name in emulator.__all__),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages by their path, built as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.html")}


@pytest.mark.integration
def test_every_public_name_is_in_the_reference(site):
    reference = "".join(page for path, page in site.items() if path.startswith("reference/"))
    missing = [name for name in PUBLIC if f'id="{name}"' not in reference]
    assert missing == []


@pytest.mark.integration
def test_no_private_name_is(site):
    anchors = re.findall(r'id="(airflow_provider_cosinv[\w.]+)"', "".join(site.values()))
    assert anchors
    assert [name for name in anchors if re.search(r"\._", name)] == []


@pytest.mark.integration
def test_no_mark_of_restructuredtext_is_left(site):
    for path, page in site.items():
        if path.startswith("reference/"):
            text = html.unescape(re.sub(r"<pre.*?</pre>|<[^>]+>", "", page, flags=re.DOTALL))
            assert re.findall(r":\w+:`.*|``.*|\.\. code.*|:param .*|:raises? .*|:returns?:.*", text) == [], path


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("A ``code``, a :class:`Name` and a :meth:`~a.b.name`.", "A `code`, a `Name` and a `name`."),
        ("Do this::\n\n    one\n    two\n\nThen.", "Do this:\n\n```text\none\ntwo\n```\n\nThen."),
        (".. code-block:: python\n\n    one()\n", "```python\none()\n```"),
    ],
)
def test_a_docstring_becomes_markdown(docstring, markdown):
    assert DOCSTRINGS["_markdown"](docstring) == markdown


@pytest.mark.parametrize(
    ("page", "link", "shown"),
    [
        ("tables.md", "../dags_examples/cos_inventory_parquet.py", "examples.md#cos_inventory_parquet"),
        ("reference/index.md", "../../CHANGELOG.md", "../changelog.md"),
        ("zh.md", "../README.md", "index.md"),
        ("zh.md", "../dags_examples", "examples.md"),
        ("tables.md", "queries.md#by_age", "queries.md#by_age"),
    ],
)
def test_a_link_out_of_the_docs_leads_to_the_page_that_shows_the_same(page, link, shown):
    known = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    assert LINKS["on_page_markdown"](f"[x]({link})", page=known) == f"[x]({shown})"


@pytest.mark.parametrize(
    ("tag", "warns"),
    [
        ('<a href="https://known.example/">', False),
        ('<a href="https://other.example/">', True),
        ('<script src="//cdn.example/a.js">', True),
        ('<link rel="stylesheet" href="https://fonts.example/">', True),
        ('<img src="images/a.png">', False),
    ],
)
def test_what_leads_elsewhere_is_a_warning(caplog, tag, warns):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="a.md"))
    config = SimpleNamespace(extra={"outside_links": ["https://known.example/"]})
    LINKS["on_post_page"](tag, page=page, config=config)
    assert bool(caplog.records) == warns
