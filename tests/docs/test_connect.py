# SPDX-License-Identifier: Apache-2.0
"""What ``docs/connect.md`` shows is read and run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from airflow.sdk import BaseHook

from airflow_provider_cosinv.cos.credentials.provider import CredentialSource
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.connection import read_connection
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from tests.conftest import SOURCE

# The library's, on Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "connect.md").read_text()
SNIPPETS = ROOT / "docs" / "snippets" / "connect"
FILES = sorted(SNIPPETS.glob("*.json"))
VARIABLES = [SNIPPETS / name for name in ("key.sh", "key-uri.sh", "assume_role-uri.sh")]
SOURCES = ["environment", "cvm_role", "tke_oidc", "assume_role", "assume_role-cvm"]
KEY = ("AKIDexample", "the-key-that-belongs-to-it")
CONNECTION = get_provider_info()["connection-types"][0]
FIELDS = CONNECTION["conn-fields"]


def exported(path):
    """What a file of export lines sets."""
    lines = (shlex.split(line) for line in path.read_text().splitlines())
    return dict(words[1].split("=", 1) for words in lines)


def read(monkeypatch, value):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", value)
    return read_connection(BaseHook.get_connection("cos_default"), region=None)


def test_every_block_is_a_file_and_every_file_is_shown():
    shown = re.findall(r"^<!-- snippet: docs/snippets/connect/(.+) -->$", PAGE, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in SNIPPETS.iterdir())
    assert PAGE.count("```") == 2 * len(shown)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_connection_is_read_without_a_warning(monkeypatch, caplog, path):
    settings = read(monkeypatch, path.read_text())
    extra = json.loads(path.read_text())["extra"]
    assert settings.region == extra["region"]
    assert isinstance(settings.credentials, CredentialSource) is ("credential" in extra)
    assert not caplog.records


@pytest.mark.parametrize("path", VARIABLES, ids=lambda path: path.name)
def test_a_variable_is_the_connection_of_the_file_beside_it(monkeypatch, path):
    beside = {"key.sh": "key.json", "key-uri.sh": "key.json", "assume_role-uri.sh": "assume_role-cvm.json"}
    expected = read(monkeypatch, (SNIPPETS / beside[path.name]).read_text())
    assert read(monkeypatch, exported(path)["AIRFLOW_CONN_COS_DEFAULT"]) == expected


@pytest.mark.parametrize("name", ["key", "temporary", *SOURCES])
def test_cos_accepts_who_signs(cos, cloud, monkeypatch, name):
    connection = json.loads((SNIPPETS / f"{name}.json").read_text())
    token = connection["extra"].get("token")
    cos.add_credential(secret_id=KEY[0], secret_key=KEY[1], token=token, expires_in=3600 if token else None)
    cloud.callers[KEY[0]] = KEY[1]
    for variable, value in exported(SNIPPETS / "environment.sh").items():
        monkeypatch.setenv(variable, value)
    connection["extra"] |= {"endpoint_url": cos.url, "sts_endpoint_url": cloud.url}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    hook = COSInventoryHook()
    hook.client.head_bucket(SOURCE)
    success, message = hook.test_connection()
    assert success
    kind = connection["extra"].get("credential")
    assert message.startswith(f"COS accepts the credentials from {kind}" if kind else "COS accepts these credentials.")


@pytest.mark.parametrize("extra", [{}, {"credential": "cvm_role"}], ids=["key", "cvm_role"])
def test_the_button_says_what_the_page_says(cos, connect, extra):
    if extra:
        connect(**extra)
    _, message = COSInventoryHook().test_connection()
    assert message.removesuffix(" Buckets that they see in ap-guangzhou: 2." if extra else "") in PAGE


@pytest.mark.parametrize(
    ("bucket", "deny", "said"),
    [
        (SOURCE, [], f"The bucket {SOURCE} is there."),
        (SOURCE, ["cos:HeadBucket"], "They may not ask for the bucket:"),
        ("missing-1250000000", [], "The bucket does not exist in ap-guangzhou."),
    ],
)
def test_the_button_says_of_a_bucket_what_the_page_says(cos, monkeypatch, bucket, deny, said):
    cos.add_credential(secret_id=KEY[0], secret_key=KEY[1], deny=deny)
    extra = {**cos.connection["extra"], "bucket": bucket}
    connection = {"conn_type": "cos", "login": KEY[0], "password": KEY[1], "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    _, message = COSInventoryHook().test_connection()
    assert said in message
    assert f"| … {said} " in PAGE


def test_the_python_block_runs(cos, capsys):
    exec(compile((SNIPPETS / "try.py").read_text(), "try.py", "exec"), {})
    assert capsys.readouterr().out.startswith("True COS accepts these credentials.")


def test_the_extra_to_install_is_one_of_the_package():
    assert shlex.split((SNIPPETS / "install.sh").read_text()) == ["pip", "install", ".[cam]"]
    assert re.search(r"^cam = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", ["docs/connect.md", "README.md", "README.zh-CN.md"])
def test_the_table_has_every_field_of_the_form_by_its_label(document):
    rows = re.findall(r"^\| (.*?) \| (?:extra )?`(\w+)` \|", (ROOT / document).read_text(), re.MULTILINE)
    labels = {name: label for label, name in rows}
    standard = CONNECTION["ui-field-behaviour"]["relabeling"]
    assert {**standard, **{name: field["label"] for name, field in FIELDS.items()}}.items() <= labels.items()


def test_every_source_of_credentials_is_explained():
    for name in FIELDS["credential"]["schema"]["enum"]:
        assert f"| `{name}` |" in PAGE


def test_every_link_leads_somewhere():
    titles = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(#([^)]+)\)", PAGE):
        assert target in anchors
