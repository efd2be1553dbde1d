# SPDX-License-Identifier: Apache-2.0
"""``docs/operate.md`` says what each error means, and which permissions are enough."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_cosinv import exceptions
from airflow_provider_cosinv.cos.credentials import cam_errors
from airflow_provider_cosinv.cos.protocol import hints, operations
from airflow_provider_cosinv.cos.protocol import responses as answers
from airflow_provider_cosinv.cos.protocol.operations import POST_INVENTORY, COSRequest, Operation
from airflow_provider_cosinv.cos.protocol.responses import Answer, refusal
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, failing_fast
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.conftest import DESTINATION, SOURCE
from tests.docs.blocks import ROOT, SNIPPETS
from tests.support.reports import run
from tests.triggers.test_cos_inventory_event import make_trigger, watch

DOCUMENT = (ROOT / "docs" / "operate.md").read_text()
POLICY = json.loads((SNIPPETS / "operate" / "policy.json").read_text())
WATCHER = json.loads((SNIPPETS / "operate" / "watcher.json").read_text())
ROLE = json.loads((SNIPPETS / "operate" / "role.json").read_text())
CLASSES = exceptions._family(exceptions.COSInventoryError)
REQUEST = COSRequest(operation=POST_INVENTORY, bucket=SOURCE)
UNDOCUMENTED_STATUS = "409"


def rows(heading):
    """The cells of the first table below a heading."""
    text = DOCUMENT.split(f"# {heading}\n")[1]
    (table, *_) = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


BY_CLASS = {re.findall(r"`(\w+)`", row[0])[0]: row[1] for row in rows("By class")}
BY_CODE = [
    (row[0].strip("`"), row[1], name)
    for name in re.findall(r"^#### `(\w+)`$", DOCUMENT, re.MULTILINE)
    for row in rows(f"`{name}`")
]
BY_STATUS = [[cell.strip("`") for cell in row[:2]] for row in rows("By status, where there is no code")]


def test_each_class_of_errors_is_explained():
    assert set(BY_CLASS) == {name for name, cls in CLASSES.items() if cls.__module__ == exceptions.__name__}
    for name in BY_CLASS:
        assert f'<a id="{name}"></a>' in DOCUMENT


@pytest.mark.parametrize("name", BY_CLASS)
def test_airflow_retries_what_it_says(name):
    def happens():
        with failing_fast():
            raise CLASSES[name]("something")

    with pytest.raises(Exception) as raised:
        happens()
    assert BY_CLASS[name] == ("no" if isinstance(raised.value, AirflowFailException) else "yes")


def test_each_code_that_the_package_knows_is_explained_once():
    codes = [code for code, *_ in BY_CODE]
    assert sorted(codes) == sorted({*hints._BY_CODE, *answers._CLASS_BY_CODE})


@pytest.mark.parametrize(("code", "status", "name"), BY_CODE)
def test_the_class_of_a_code_is_this(code, status, name):
    body = f"<Error><Code>{code}</Code><Message>because</Message></Error>".encode()
    error = refusal(Answer(status=int(status or UNDOCUMENTED_STATUS), headers={}, body=body), REQUEST, region="r")
    assert type(error).__name__ == name
    assert error.code == code


def test_each_status_that_has_a_hint_is_explained():
    explained = {status for status, _ in BY_STATUS} | {status for _, status, _ in BY_CODE}
    assert explained >= {str(status) for status in {*hints._BY_STATUS, *answers._CLASS_BY_STATUS} - {505}}


@pytest.mark.parametrize(("status", "name"), BY_STATUS)
def test_the_class_of_a_status_is_this(status, name):
    error = refusal(Answer(status=int(status), headers={}), REQUEST, region="r")
    assert type(error).__name__ == name


def test_the_class_of_a_code_of_sts_is_this():
    told = {
        code: name.strip("`")
        for codes, name, _ in rows("Credentials that nobody issues")
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert told == {code: cls.__name__ for code, cls in cam_errors._CLASSES.items()}
    assert "issued none" in DOCUMENT


def test_each_action_that_an_error_may_name_is_in_the_table():
    table = DOCUMENT.split("## Permissions\n")[1].split("A policy in CAM")[0]
    documented = set(re.findall(r"`(?:name/cos:)?(\w+)`", table))
    named = {
        action
        for operation in vars(operations).values()
        if isinstance(operation, Operation)
        for action in re.findall(r"name/cos:(\w+)", operation.actions)
    }
    assert named <= documented


def permissions(policy):
    for statement in policy["statement"]:
        assert statement["effect"] == "allow"
        (resource,) = statement["resource"]
        place = re.fullmatch(r"qcs::cos:ap-guangzhou:uid/1250000000:(.*/\*)", resource)[1]
        for action in statement["action"]:
            yield f"{action.removeprefix('name/')} on {place}"


def allow_only(cos, monkeypatch, allow):
    cos.add_credential(secret_id="AKIDpolicy", secret_key="of-the-policy", allow=allow)
    connection = {**cos.connection, "login": "AKIDpolicy", "password": "of-the-policy"}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))


def submit_wait_and_read(cos, monkeypatch, allow):
    allow_only(cos, monkeypatch, allow)
    task = COSInventoryOperator(
        task_id="submit",
        bucket=SOURCE,
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="cos_bucket_inventory",
        wait_for_completion=True,
        poll_interval=0.01,
    )
    return len(list(COSInventoryHook().iter_records(run(task)["manifest"])))


def test_the_policy_is_enough(cos, monkeypatch):
    assert submit_wait_and_read(cos, monkeypatch, list(permissions(POLICY))) == 3


@pytest.mark.parametrize("policy", [POLICY, WATCHER], ids=["policy", "watcher"])
def test_actions_on_objects_are_allowed_below_the_prefix_only(policy):
    for permission in permissions(policy):
        action, _, place = permission.partition(" on ")
        assert place.endswith("/cos_bucket_inventory/*") == action.endswith("Object")


# What COS asks PutObject for is its own write, which the emulator does not put down to the caller.
@pytest.mark.parametrize("missing", [one for one in permissions(POLICY) if "PutObject" not in one])
def test_no_action_of_the_policy_can_be_spared(cos, monkeypatch, missing):
    with pytest.raises(AirflowFailException, match=re.escape(missing.split(" on ")[0])):
        submit_wait_and_read(cos, monkeypatch, [one for one in permissions(POLICY) if one != missing])


def watch_and_read(cos, monkeypatch, allow):
    """The rows of each report that the watcher finds."""
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="cos_bucket_inventory")
    rule = InventoryConfiguration(inventory_id="daily", destination=destination, schedule=Schedule(frequency="Daily"))
    COSInventoryHook().put_rule(bucket=SOURCE, configuration=rule)
    date = cos.deliver_rule(SOURCE, "daily")["date"]
    allow_only(cos, monkeypatch, allow)
    found = []
    for report in watch(make_trigger(since=date, destination_prefix="cos_bucket_inventory")):
        hook = COSInventoryHook(region=report["region"])
        manifest = hook.read_manifest(
            bucket=report["bucket"], manifest_key=report["manifest_key"], checksum=report["checksum"]
        )
        found.append(len(list(hook.iter_records(manifest))))
    return found


@pytest.mark.usefixtures("supervisor")
def test_the_policy_of_the_watcher_is_enough(cos, monkeypatch):
    assert watch_and_read(cos, monkeypatch, list(permissions(WATCHER))) == [3]


@pytest.mark.usefixtures("supervisor")
@pytest.mark.parametrize("missing", list(permissions(WATCHER)))
def test_no_action_of_the_watchers_policy_can_be_spared(cos, monkeypatch, capsys, missing):
    assert watch_and_read(cos, monkeypatch, [one for one in permissions(WATCHER) if one != missing]) == []
    assert f"name/{missing.split(' on ')[0]}" in capsys.readouterr().out


def test_the_role_trusts_cos():
    (statement,) = ROLE["statement"]
    assert statement["principal"] == {"service": "cos.cloud.tencent.com"}
    assert "COS_QcsRole" in DOCUMENT
