# SPDX-License-Identifier: Apache-2.0
"""The picture of the house and its journeys are those of the code."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT, blocks_to_run
from tests.test_import_rule import HOUSE, NAME, PACKAGE

DOCUMENT = "CONTRIBUTING.md"
(PICTURE,) = blocks_to_run(DOCUMENT, "flowchart BT", language="mermaid")
LINES = {room: number for number, line in enumerate(HOUSE) for room in line}


def test_picture_shows_each_room():
    rooms = set(re.findall(r"^ *([a-z]+)|[>&] ([a-z]+)", PICTURE.partition("\n")[2], re.MULTILINE))
    shown = {name for pair in rooms for name in pair if name}
    assert shown == {room for room in LINES if (PACKAGE / room).is_dir()}


def test_arrows_of_the_picture_lead_down():
    for line in re.sub(r"\[.*?\]", "", PICTURE).splitlines()[1:]:
        above, arrow, below = line.partition("-->")
        if arrow:
            for room in re.findall(r"[a-z]+", above):
                assert all(LINES[other] < LINES[room] for other in re.findall(r"[a-z]+", below)), line


def test_journeys_name_files_that_exist():
    named = set(re.findall(r"`([a-z_/]+\.py)`", (ROOT / DOCUMENT).read_text()))
    files = {name for name in named if "/" in name and not name.startswith("tests/")}
    assert len(files) > 20
    assert {name for name in files if not (ROOT / NAME / name).is_file()} == set()
