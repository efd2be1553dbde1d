# SPDX-License-Identifier: Apache-2.0
"""Whatever text comes from outside: what the package logs and raises is one clean, bounded line for each."""

from __future__ import annotations

import ast
import csv
import hashlib
import inspect
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.sdk import Connection

import airflow_provider_cosinv
from airflow_provider_cosinv.exceptions import SHOWN_LIMIT, COSInventoryError, quoted, shown
from airflow_provider_cosinv.hooks.airflow_errors import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    TaskDeferred,
)
from airflow_provider_cosinv.hooks.connection import read_connection
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, InventoryJob, Manifest
from airflow_provider_cosinv.inventory.report.manifest_reader import parse_manifest
from airflow_provider_cosinv.inventory.report.watermark import Watermark
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_rule import (
    COSInventoryDeleteRuleOperator,
    COSInventoryRuleOperator,
)
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.cos.scripted_server import Reply, ScriptedServer, error_reply
from tests.reliability.reports import packed, put_report
from tests.support.reports import take_report
from tests.support.tasks import make_context

# A letter that no message of ours has, so that its run is as long as the text that was let through.
FILLER = "\u0167"
LONG = FILLER * 1500
ODD = "\x1b[31m\r\nfake line\u202e\u2066\u200f\u2028\x85"
HOSTILE: dict[str, Any] = {
    "text": f"{ODD}{LONG}",
    "surrogate": f"{LONG}\ud800\0",
    "number": 10**5000,
    "mapping": {f"{ODD}{LONG}{number}": [f"{ODD}{LONG}"] * 30 for number in range(30)},
}
# Airflow's own, and what only says how the task waits.
_NOT_TRIED = ("self", "kwargs", "deferrable", "multiple_outputs")
FOLDER = "inv/1250000000/examplebucket/i"
MANIFEST: dict[str, Any] = {
    "sourceAppid": "1250000000",
    "sourceBucket": "examplebucket",
    "destinationAppid": "1250000000",
    "destinationBucket": "inventorybucket",
    "fileFormat": "CSV",
    "listObjectCount": "1",
    "listStorageSize": "1",
    "filterObjectCount": "1",
    "filterStorageSize": "1",
    "fileSchema": "Appid, Bucket, Key, Size",
    "files": [{"key": f"{FOLDER}/{'a' * 32}.csv.gz", "size": "502", "md5Checksum": "0" * 32}],
}
each_value = pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)


def texts_of(error: BaseException) -> Iterator[str]:
    """The texts that a log shows of an error: its own, and those of the errors that led to it."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield str(found)
        yield from getattr(found, "__notes__", ())
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def check(text: str) -> None:
    assert text.isprintable(), text[:2000]
    longest = max((len(found) for found in re.findall(f"{FILLER}+", text)), default=0)
    assert longest <= SHOWN_LIMIT, text[:2000]


@pytest.fixture
def checked(caplog) -> Callable[..., BaseException | None]:
    """Calls something, and checks the error that it raises, if it does, and all that it logs."""
    caplog.set_level("DEBUG", logger="airflow_provider_cosinv")

    def call(work: Callable[..., Any], *args: Any, **parameters: Any) -> BaseException | None:
        raised: BaseException | None = None
        caplog.clear()
        with structlog.testing.capture_logs() as entries:
            try:
                work(*args, **parameters)
            except (
                COSInventoryError,
                AirflowFailException,
                AirflowNotFoundException,
                AirflowSensorTimeout,
                TaskDeferred,
            ) as error:
                raised = error
        for text in texts_of(raised) if raised else ():
            check(text)
        for entry in entries:
            check(entry["event"] % entry.get("positional_args", ()))
        for record in caplog.records:
            if record.name.startswith("airflow_provider_cosinv"):
                check(record.getMessage())
        return raised

    return call


@each_value
@pytest.mark.parametrize("make", [shown, quoted])
def test_shown_and_quoted_return_one_bounded_line(make, value):
    text = make(value if make is quoted else json.dumps(writable(value), ensure_ascii=False))
    assert len(text) <= SHOWN_LIMIT
    check(text)


def test_package_writes_no_value_into_a_text_but_by_quoted():
    package = Path(airflow_provider_cosinv.__file__).parent
    for path in package.rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FormattedValue) and node.conversion == ord("r"):
                # The default of an argument is ours.
                assert ast.unparse(node.value) == "self.default", f"{path}:{node.lineno}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "%r" not in node.value, f"{path}:{node.lineno}"
            if isinstance(node, (ast.Import, ast.ImportFrom)) and path.name != "exceptions.py":
                assert "reprlib" not in ast.unparse(node), f"{path}:{node.lineno}"


def task_calls(manifest: dict[str, Any], folder: str) -> dict[type, dict[str, Any]]:
    """Sound parameters of each class."""
    place = {"bucket": SOURCE, "destination_bucket": DESTINATION, "destination_prefix": "inv"}
    return {
        COSInventoryOperator: {**place, "timeout": 0.05, "poll_interval": 0.01},
        COSInventoryRuleOperator: {**place, "inventory_id": "daily", "frequency": "Daily"},
        COSInventoryDeleteRuleOperator: {"bucket": SOURCE, "inventory_id": "daily"},
        COSInventorySensor: {**place, "timeout": 0.05, "poke_interval": 0.01, "inventory_id": "i", "date": "20261122"},
        COSInventoryToParquetOperator: {"manifest": manifest, "destination": folder},
        COSInventoryQueryOperator: {"manifest": manifest, "query": "by_storage_class"},
        COSInventoryDiffOperator: {"previous": manifest, "current": manifest},
        COSInventorySelectionOperator: {"manifest": manifest, "where": "Size >= 5", "inventory_id": "large"},
    }


def execute(cls: Any, parameters: dict[str, Any]) -> Any:
    return cls(task_id="t", **parameters).execute(make_context())


@each_value
def test_each_parameter_of_a_task_is_refused_in_one_clean_line(cos, checked, tmp_path, value):
    refused = 0
    for cls, sound in task_calls(take_report(), str(tmp_path / "parts")).items():
        names = [name for name in inspect.signature(cls.__init__).parameters if name not in _NOT_TRIED]
        for name in names:
            refused += checked(execute, cls, {**sound, name: value}) is not None
    assert refused > 60


@each_value
def test_each_field_of_a_connection_is_refused_in_one_clean_line(cos, checked, value):
    sound = cos.connection["extra"]
    more = ("timeout", "verify_ssl", "credential", "proxies", "bucket", "internal", "domain_suffix", f"{ODD}{LONG}")
    for name in (*sound, *more):
        extra = json.dumps({**sound, name: writable(value)})
        checked(read_connection, Connection(conn_id=f"{ODD}{LONG}", conn_type="cos", extra=extra), region=None)
    other = Connection(conn_id="other", conn_type=f"{ODD}{LONG}")
    assert checked(read_connection, other, region=None)


@each_value
def test_each_member_of_a_document_is_refused_in_one_clean_line(checked, value):
    def parse(document: Any) -> Manifest:
        body = json.dumps(document).encode()
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        key = f"{FOLDER}/20261122/manifest.json"
        return parse_manifest(body, bucket=DESTINATION, region="ap-guangzhou", key=key, checksum=md5)

    sound = parse(MANIFEST).as_dict()
    job = InventoryJob(
        job_id="j",
        inventory_id="i",
        bucket=SOURCE,
        region="ap-guangzhou",
        destination_bucket=DESTINATION,
        report_prefix=FOLDER,
        submitted_at=datetime.now(timezone.utc),
    ).as_dict()
    written = writable(value)
    for name in (*MANIFEST, f"{ODD}{LONG}"):
        checked(parse, {**MANIFEST, name: written})
    for name in MANIFEST["files"][0]:
        checked(parse, {**MANIFEST, "files": [{**MANIFEST["files"][0], name: written}]})
    for name in sound:
        checked(Manifest.from_dict, {**sound, name: value})
    for name in job:
        checked(InventoryJob.from_dict, {**job, name: value})
    for name in ("floor", "announced"):
        text = json.dumps({"floor": "", "announced": [], name: written})
        checked(Watermark.from_json, text, parameter="Variable")


def writable(value: Any) -> Any:
    """A value as JSON has it."""
    return hex(value) if isinstance(value, int) else value


HEADERS = (
    "x-cos-request-id",
    "x-cos-trace-id",
    "x-cos-bucket-region",
    "Content-Encoding",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Location",
    "Last-Modified",
)


@pytest.fixture
def server():
    """Answers in the place of COS."""
    started = ScriptedServer()
    yield started
    started.stop()


def calls_of(hook: COSInventoryHook) -> Iterator[Callable[[], Any]]:
    """Calls of the hook that look at all of an answer: its status, headers, document and body."""
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="inv")
    configuration = InventoryConfiguration(inventory_id="i", destination=destination)
    sound = {"manifest_key": f"{FOLDER}/20261122/manifest.json", "checksum": "0" * 32}
    yield lambda: hook.check_destination(destination)
    yield lambda: hook.submit_inventory(bucket=SOURCE, configuration=configuration)
    yield lambda: hook.get_rule(bucket=SOURCE, inventory_id="i")
    yield lambda: list(hook.list_rules(bucket=SOURCE))
    yield lambda: hook.read_manifest(bucket=DESTINATION, **sound)
    yield lambda: hook.get_conn().upload_file(DESTINATION, f"{ODD}{LONG}", Path(__file__))


@pytest.mark.usefixtures("impatient_retries")
@pytest.mark.parametrize("status", [200, 206, 301, 403, 404, 409])
def test_answers_are_told_in_clean_lines(server, checked, monkeypatch, status):
    # What a header can carry: no line feed, and bytes that are no ASCII as Latin-1.
    header = f"\x1b[31m\x85{FILLER}".encode().decode("latin-1") + "x" * 1500
    text = f"&#x85;&#x202e;\u2066{LONG}"
    documents = [
        error_reply(status, text, text).body,
        f"<InventoryConfiguration><Id>{text}</Id></InventoryConfiguration>".encode(),
        f"<{FILLER * 1500}/>".encode(),
        f"{ODD}{LONG}".encode(),
    ]
    extra = {"region": "ap-guangzhou", "endpoint_url": server.url}
    connection = {"conn_type": "cos", "login": "a" * 36, "password": "b" * 32, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    for body in documents:
        server.answer(Reply(status=status, body=body, headers=dict.fromkeys(HEADERS, header)))
        told = [checked(call) for call in calls_of(COSInventoryHook())]
        assert any(told)


def test_reports_are_told_in_clean_lines(cos, checked, tmp_path):
    hook = COSInventoryHook()
    columns = ("Appid", "Bucket", "Key", "Size", "LastModifiedDate", "IsLatest", "VersionId")
    sound = ["1250000000", "examplebucket", "k", "1", "2026-10-01T00:00:00Z", "true", "v"]
    told = []
    for place, text in itertools.product(range(len(sound)), (f"{ODD}{LONG}", f"%{LONG}", f"%ff{LONG}", "9" * 1500)):
        row = [*sound[:place], text, *sound[place + 1 :]]
        written = io.StringIO(newline="")
        csv.writer(written).writerow(row)
        report = put_report(cos, DESTINATION, packed(written.getvalue()), columns=columns, rows=1)
        manifest = hook.read_manifest(bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum)
        told.append(checked(lambda report: list(hook.iter_records(report)), manifest))
        told.append(checked(hook.to_parquet, manifest, destination=str(tmp_path / f"parts-{place}")))
    assert len([error for error in told if error]) > 10
    for sql in (
        f"SELECT {LONG}",
        f"SELECT error('{ODD}{LONG}')",
        f"SELECT '{ODD}{LONG}'::INTEGER",
        f"FROM '{ODD}{LONG}'",
    ):
        assert checked(hook.query, manifest=manifest, sql=sql)
