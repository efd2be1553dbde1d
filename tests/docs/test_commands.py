# SPDX-License-Identifier: Apache-2.0
"""The commands in the documents are ones that work."""

from __future__ import annotations

import re
import shlex
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser

from airflow_provider_cosinv.hooks.connection import read_connection
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from tests.conftest import DESTINATION, SOURCE
from tests.docs.blocks import DOCUMENTS, ROOT, blocks_to_run, read_blocks

COMMANDS = [
    (document, command)
    for document in DOCUMENTS
    if any(block.language == "" for block in read_blocks(document))
    for text in blocks_to_run(document, language="")
    for command in text.replace("\\\n", " ").strip().splitlines()
]
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = (ROOT / "pyproject.toml").read_text()


def make(words, **_):
    assert words
    for target in words:
        assert f"\n{target}:" in MAKEFILE, target


def pip(words, **_):
    (command, what) = words
    name, _, extras = what.rstrip("]").partition("[")
    assert command == "install"
    assert name in (".", "airflow-provider-cosinv")
    for extra in filter(None, extras.split(",")):
        assert re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE), extra


def python(words, **_):
    option, module, *options = words
    assert option == "-m"
    found = find_spec(module)
    assert found is not None
    source = Path(found.origin)
    if source.name == "__init__.py" and (source.parent / "__main__.py").exists():
        source = source.parent / "__main__.py"
    for name in (word for word in options if word.startswith("--")):
        assert f'"{name}"' in source.read_text(), name


def airflow(words, **_):
    get_parser().parse_args(words)


def export(words, *, monkeypatch, **_):
    from airflow.sdk import BaseHook

    name, _, value = words[0].partition("=")
    monkeypatch.setenv(name, value.replace("AKID…", "AKIDx").replace("…", "key"))
    assert name.startswith("AIRFLOW_CONN_")
    conn_id = name.removeprefix("AIRFLOW_CONN_").lower()
    assert read_connection(BaseHook.get_connection(conn_id), region=None).region == "ap-guangzhou"


def curl(words, *, cos, **_):
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou")
    rule = InventoryConfiguration(inventory_id="daily", destination=destination, schedule=Schedule(frequency="Daily"))
    COSInventoryHook().put_rule(bucket=SOURCE, configuration=rule)
    name, _, value = words[words.index("-H") + 1].partition(": ")
    request = urllib.request.Request(
        words[-1].replace("http://127.0.0.1:9000", cos.url),
        data=words[words.index("-d") + 1].encode(),
        headers={name: value},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


PROGRAMS = {program.__name__: program for program in (make, pip, python, airflow, export, curl)}


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_each_works(cos, monkeypatch, document, command):
    program, *words = shlex.split(command, comments=True)
    PROGRAMS[Path(program).name](words, cos=cos, monkeypatch=monkeypatch)
