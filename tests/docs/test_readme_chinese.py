# SPDX-License-Identifier: Apache-2.0
"""README.zh-CN.md is the README in Chinese: the same sections, code, tables and links."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT, blocks_to_run, read_blocks

ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
# What runs the English blocks runs these, whose code is the same.
CODE = blocks_to_run(CHINESE)


def without_blocks(document):
    return re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.DOTALL | re.MULTILINE)


def levels(document):
    return re.findall(r"^(#+) ", without_blocks(document), re.MULTILINE)


def tables(document):
    """Of each table: how many columns, and what code the first cell of each row has."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", without_blocks(document), re.MULTILINE):
        rows = [line.strip("|").split("|") for line in table.splitlines()]
        found.append((len(rows[0]), [re.findall(r"`[^`]+`|\]\([^)]+\)", row[0]) for row in rows[2:]]))
    return found


def links(document):
    targets = re.findall(r"\]\(([^)]+)\)", without_blocks(document))
    return sorted(target for target in targets if target not in (ENGLISH, CHINESE))


def bullets(document):
    return len(re.findall(r"^- ", without_blocks(document), re.MULTILINE))


def test_the_headings_are_as_many_and_as_deep():
    assert levels(CHINESE) == levels(ENGLISH)
    assert len(levels(CHINESE)) > 8


def without_comments(code):
    return re.sub(r" +# .*", "", code)


def test_the_code_blocks_are_the_same_but_for_their_comments():
    assert [without_comments(block.text) for block in read_blocks(ENGLISH)] == [without_comments(text) for text in CODE]


def test_the_tables_have_the_same_rows():
    assert tables(CHINESE) == tables(ENGLISH)


def test_the_links_lead_to_the_same_places():
    assert links(CHINESE) == links(ENGLISH)


def test_nothing_of_a_list_is_left_out():
    assert bullets(CHINESE) == bullets(ENGLISH)


def test_what_is_code_in_one_is_code_in_the_other():
    codes = [set(re.findall(r"`([^`\n]+)`", without_blocks(document))) for document in (ENGLISH, CHINESE)]
    assert codes[0] == codes[1]


def test_each_leads_to_the_other_at_its_top():
    assert f"]({CHINESE})" in (ROOT / ENGLISH).read_text().split("\n## ")[0]
    assert f"]({ENGLISH})" in (ROOT / CHINESE).read_text().split("\n## ")[0]
    assert re.search(r"[一-鿿]", (ROOT / CHINESE).read_text())
