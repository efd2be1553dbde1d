# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import duckdb
import pytest
import structlog

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Manifest
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from tests.conftest import DESTINATION, SOURCE
from tests.support.reports import run, take_report

KEYS = ["logs/2026/a+b.gz", "readme.txt", "图片/一 二.jpg"]


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=1)


def convert(manifest, **parameters):
    return run(COSInventoryToParquetOperator(task_id="convert", manifest=manifest, **parameters))


def convert_until_refused(manifest, **parameters):
    with pytest.raises(AirflowFailException) as raised:
        convert(manifest, **parameters)
    return raised.value.__cause__


def keys_in(folder):
    found = duckdb.sql(f"SELECT Key FROM read_parquet('{folder}/*.parquet') ORDER BY Key").fetchall()
    return [key for (key,) in found]


def parts_on_cos(cos):
    return [key for key in cos.keys(DESTINATION) if key.endswith(".parquet")]


def test_a_report_becomes_one_part_beside_it(cos, tmp_path):
    manifest = take_report()
    result = convert(manifest)
    assert json.loads(json.dumps(result)) == result
    folder = manifest["manifest_key"].rpartition("/")[0]
    assert re.fullmatch(f"cos://{DESTINATION}/{folder}/parquet/part-[0-9a-f]{{16}}.parquet", result["path"])
    body = cos.get_object(DESTINATION, result["path"].partition(f"{DESTINATION}/")[2])
    assert result == {
        "path": result["path"],
        "rows": 3,
        "bytes": len(body),
        "files": 3,
        "source_bytes": sum(file["size"] for file in manifest["files"]),
    }
    (tmp_path / "part.parquet").write_bytes(body)
    assert keys_in(tmp_path) == KEYS
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{tmp_path}/part.parquet')").fetchall()
    assert codecs == [("ZSTD",)]


@pytest.mark.parametrize("spelling", ["{}", "{}/", "file://{}"])
def test_batches_become_parts_in_a_folder_each_of_its_own_name(cos, tmp_path, spelling):
    manifest = take_report()
    folder = tmp_path / "not" / "there-yet"
    results = [
        convert(manifest, batch=batch, destination=spelling.format(folder))
        for batch in Manifest.from_dict(manifest).batches(at_most=2)
    ]
    assert sorted(result["rows"] for result in results) == [1, 2]
    assert sorted(result["path"] for result in results) == sorted(map(str, folder.iterdir()))
    assert [result["bytes"] for result in results] == [Path(result["path"]).stat().st_size for result in results]
    assert keys_in(folder) == KEYS
    assert parts_on_cos(cos) == []


@pytest.mark.parametrize("destination", [f"cos://{DESTINATION}", f"cos://{SOURCE}/", f"cos://{SOURCE}/parts/清单 1"])
def test_any_bucket_and_folder_of_it_can_be_the_destination(cos, destination):
    path = convert(take_report(), destination=destination)["path"]
    folder, _, name = path.rpartition("/")
    assert folder == destination.rstrip("/")
    bucket, _, key = path.removeprefix("cos://").partition("/")
    assert key.endswith(name)
    assert cos.get_object(bucket, key).startswith(b"PAR1")


def test_a_retry_writes_its_own_part_anew_and_nothing_else(cos):
    manifest = take_report()
    first, second = manifest["files"][:2], manifest["files"][2:]
    paths = {convert(manifest, batch=first)["path"], convert(manifest, batch=second)["path"]}
    assert len(paths) == 2
    again = {convert(manifest, batch=list(reversed(first)))["path"]}
    assert again < paths
    assert {f"cos://{DESTINATION}/{key}" for key in parts_on_cos(cos)} == paths


def test_a_part_of_another_report_has_another_name(cos):
    paths = [convert(take_report(), destination=f"cos://{DESTINATION}/all", batch=[])["path"] for _ in range(2)]
    assert len(set(paths)) == 2


@pytest.mark.parametrize("prefix", [None, "nothing/"])
def test_no_data_file_makes_an_empty_part_with_the_columns(cos, tmp_path, prefix):
    manifest = take_report(prefix=prefix)
    result = convert(manifest, batch=[] if prefix is None else None, destination=str(tmp_path))
    assert (result["rows"], result["files"], result["source_bytes"]) == (0, 0, 0)
    described = duckdb.sql(f"DESCRIBE FROM read_parquet('{result['path']}')").fetchall()
    types = {name: kind for name, kind, *_ in described}
    assert list(types) == manifest["columns"]
    assert (types["Size"], types["LastModifiedDate"]) == ("BIGINT", "TIMESTAMP WITH TIME ZONE")


def test_the_manifest_and_the_batch_may_come_as_json_of_a_template(cos, tmp_path):
    manifest = take_report()
    result = convert(
        json.dumps(manifest), batch=json.dumps(manifest["files"][:1]), destination=str(tmp_path), region=""
    )
    assert (result["rows"], result["files"]) == (1, 1)


class TestWhatIsWrong:
    def test_nothing_is_published_of_a_corrupt_data_file_and_no_retry_tries_again(self, cos):
        # In the time that gzip keeps: nothing but the MD5 tells.
        cos.fault(action="DeliverReport", key=r"\.csv\.gz$", corrupt_at=5)
        manifest = take_report()
        error = convert_until_refused(manifest)
        assert isinstance(error, COSInventoryCorruptReportError)
        assert error.key == manifest["files"][0]["key"]
        assert parts_on_cos(cos) == []

    def test_the_rows_of_all_files_are_counted_even_where_they_come_as_a_batch(self, cos):
        manifest = {**take_report(), "matched_objects": 4}
        error = convert_until_refused(manifest, batch=list(reversed(manifest["files"])))
        assert isinstance(error, COSInventoryCorruptReportError)
        assert "3 rows, the manifest says 4" in error.message
        assert convert(manifest, batch=manifest["files"][1:])["rows"] == 2

    def test_a_forbidden_destination_is_told_before_a_data_file_is_read(self, cos):
        manifest = take_report()
        cos.fault(method="HEAD", bucket=DESTINATION, status=403, times=None)
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = convert_until_refused(manifest)
        assert isinstance(error, COSInventoryPermissionError)
        assert error.parameter == "destination"
        assert cos.faults()[1]["seen"] == 0

    def test_a_put_that_is_forbidden_fails_at_once(self, cos):
        manifest = take_report()
        cos.fault(action="PutObject", code="AccessDenied", times=None)
        error = convert_until_refused(manifest)
        assert isinstance(error, COSInventoryPermissionError)
        assert (error.parameter, error.code) == ("destination", "AccessDenied")

    def test_a_file_in_the_place_of_the_folder_is_told_before_a_data_file_is_read(self, cos, tmp_path):
        (tmp_path / "file").touch()
        manifest = take_report()
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        assert convert_until_refused(manifest, destination=str(tmp_path / "file")).parameter == "destination"
        assert cos.faults()[0]["seen"] == 0

    @pytest.mark.usefixtures("impatient_retries")
    def test_what_a_retry_may_heal_is_left_to_a_retry(self, cos):
        manifest = take_report()
        cos.fault(action="GetObject", status=503, times=None)
        with pytest.raises(COSInventoryTransientError):
            convert(manifest)
        cos.clear_faults()
        assert convert(manifest)["rows"] == 3

    @pytest.mark.parametrize(
        ("parameter", "value"),
        [
            ("manifest", "{'bucket': 'python'}"),
            ("manifest", {"bucket": "x"}),
            ("manifest", None),
            ("batch", "[{'key': 1}]"),
            ("batch", "text"),
            ("batch", {"key": "x"}),
            ("files", [{"key": "x"}]),
            ("destination", "a/relative/folder"),
            ("destination", "cos://no-appid/"),
            ("destination", 3),
            ("memory_limit", "much"),
        ],
    )
    def test_a_wrong_value_names_its_parameter(self, cos, parameter, value):
        name = "batch" if parameter == "files" else parameter
        error = convert_until_refused(**{"manifest": take_report(), name: value})
        assert isinstance(error, COSInventoryConfigurationError)
        assert error.parameter == parameter

    def test_a_batch_of_another_report_is_refused(self, cos):
        manifest, other = take_report(), take_report()
        error = convert_until_refused(manifest, batch=other["files"][:1])
        assert (error.parameter, error.key) == ("batch", other["files"][0]["key"])

    def test_a_batch_that_names_a_file_twice_is_refused(self, cos):
        manifest = take_report()
        assert convert_until_refused(manifest, batch=manifest["files"][:1] * 3).parameter == "batch"

    def test_the_missing_extra_is_told_with_what_to_type(self, cos, monkeypatch):
        manifest = take_report()
        monkeypatch.setitem(sys.modules, "duckdb", None)
        assert "pip install 'airflow-provider-cosinv[table]'" in str(convert_until_refused(manifest))


def test_a_task_function_does_the_same_through_the_hook(cos):
    manifest = take_report()
    called, run = COSInventoryHook().to_parquet(manifest, batch=None), convert(manifest)
    # The rows have no promised order, so that the files need not be of one size.
    assert called.pop("bytes") > 0
    assert run.pop("bytes") > 0
    assert called == run


def test_one_line_of_the_log_says_what_came_of_it(cos):
    manifest = take_report()
    with structlog.testing.capture_logs() as entries:
        result = convert(manifest)
    (line,) = [entry["event"] for entry in entries if entry["log_level"] == "info"]
    expected = (
        f"3 rows of 3 data files ({result['source_bytes']} bytes) written to {result['path']} ({result['bytes']} bytes)"
    )
    assert re.fullmatch(re.escape(expected) + r" in \d+\.\d s", line)
    assert str(cos.connection["password"]) not in repr(entries)
