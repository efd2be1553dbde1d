# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
import structlog
from airflow.sdk import Asset

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.reports import packed, put_report
from tests.support.reports import run, take_report
from tests.support.tasks import make_context

LARGE = "Size >= 5"
KEYS = ["logs/2026/a+b.gz", "readme.txt"]
ROOT = "picked/1250000000/examplebucket/large"


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=1)


@pytest.fixture
def manifest(cos):
    return take_report()


def selection(**parameters):
    return COSInventorySelectionOperator(
        **{
            "task_id": "select",
            "where": LARGE,
            "inventory_id": "large",
            "destination_prefix": "picked",
            "date": "20261122",
            **parameters,
        }
    )


def select(**parameters):
    return run(selection(**parameters))


def select_until_refused(**parameters):
    with pytest.raises(AirflowFailException) as raised:
        select(**parameters)
    return raised.value.__cause__


def keys_of(manifest):
    return [record.key for record in COSInventoryHook().iter_records(manifest)]


def written(cos, bucket=DESTINATION):
    return cos.keys(bucket, prefix="picked/")


def test_the_result_is_a_manifest_that_every_reader_takes(manifest):
    result = select(manifest=manifest)
    assert json.loads(json.dumps(result)) == result
    assert set(result) == {*manifest, "delete_markers"}
    assert (result["bucket"], result["source_bucket"], result["region"]) == (DESTINATION, SOURCE, "ap-guangzhou")
    assert (result["matched_objects"], result["matched_bytes"]) == (2, 12)
    assert (result["listed_objects"], result["columns"]) == (3, manifest["columns"])
    assert keys_of(result) == KEYS
    hook = COSInventoryHook()
    assert hook.query(sql="SELECT Key FROM inventory ORDER BY Key", parts=hook.to_parquet(result)) == [
        {"Key": key} for key in KEYS
    ]
    assert hook.diff(previous=manifest, current=result)["removed"] == 1


def test_values_of_the_condition_are_bound(manifest):
    assert select(manifest=manifest, where="Size >= $least", parameters={"least": "5"})["matched_objects"] == 2
    error = select_until_refused(manifest=manifest, where="Key = $key", parameters={"name": "x"})
    assert error.parameter == "parameters"


def test_a_condition_reads_the_worker_only_if_it_is_allowed(manifest, tmp_path):
    (tmp_path / "keys.csv").write_text("key\nreadme.txt\n")
    where = f"Key IN (SELECT key FROM read_csv('{tmp_path}/keys.csv'))"
    error = select_until_refused(manifest=manifest, where=where)
    assert error.parameter == "where"
    assert "may not read" in error.message
    assert keys_of(select(manifest=manifest, where=where, allow_external_access=True)) == ["readme.txt"]
    with pytest.raises(COSInventoryConfigurationError):
        selection(manifest=manifest, allow_external_access="false")


def test_the_sensor_finds_it_by_its_id(cos, manifest):
    result = select(manifest=manifest)
    sensor = COSInventorySensor(
        task_id="wait",
        bucket=SOURCE,
        inventory_id="large",
        destination_bucket=DESTINATION,
        destination_prefix="picked",
        date="20261122",
        poke_interval=0.01,
        timeout=5,
    )
    assert {**run(sensor), "delete_markers": None} == result


@pytest.mark.parametrize("source", ["manifest", "parts"])
def test_tags_stay_as_cos_wrote_them(cos, tmp_path, source):
    tags = {"a": "k1:v1,k2:v2", "b": "k=a&k=b", "c": "owner", "d": "a=%FF"}
    rows = packed(*(f'"1250000000","examplebucket","{key}","9","{tag}"\n' for key, tag in tags.items()))
    columns = ["Appid", "Bucket", "Key", "Size", "Tag"]
    put = put_report(cos, DESTINATION, rows, columns=columns, rows=len(tags))
    hook = COSInventoryHook()
    report = hook.read_manifest(bucket=DESTINATION, manifest_key=put.manifest_key, checksum=put.checksum)
    given = report.as_dict() if source == "manifest" else hook.to_parquet(report, destination=str(tmp_path))
    with structlog.testing.capture_logs() as entries:
        result = select(**{source: given})
    assert {record.key: record.tag for record in hook.iter_records(result)} == tags
    told = [entry["event"] for entry in entries if "as COS wrote them" in entry["event"]]
    assert len(told) == (source == "parts")


def test_parts_are_read_themselves_without_tags(cos, manifest, tmp_path):
    columns = ["Appid", "Bucket", "Key", "Size", "LastModifiedDate", "ETag", "IsMultipartUploaded"]
    part = COSInventoryHook().to_parquet(manifest, destination=str(tmp_path))
    hook = COSInventoryHook()
    expected = list(hook.iter_records(select(manifest=manifest, columns=columns)))
    cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
    result = select(parts=part, columns=columns)
    cos.clear_faults()
    assert list(hook.iter_records(result)) == expected


def test_delete_markers_are_told_in_log_and_result(cos):
    cos.create_bucket("history-1250000000", versioning=True)
    for key in ("a", "b"):
        cos.put_object("history-1250000000", key, b"12345")
        cos.delete_object("history-1250000000", key)
    report = take_report(bucket="history-1250000000", included_object_versions="All")
    with structlog.testing.capture_logs() as entries:
        result = select(manifest=report, where="IsLatest OR Key = 'a'")
    assert (result["matched_objects"], result["delete_markers"]) == (3, 2)
    assert any(", 2 of them delete markers; written in" in entry["event"] for entry in entries)


def test_a_selection_of_parts_is_the_same_as_of_the_report(manifest, tmp_path):
    hook = COSInventoryHook()
    local = [hook.to_parquet(manifest, batch=[file], destination=str(tmp_path)) for file in manifest["files"]]
    expected = select(manifest=manifest)
    assert select(parts=local) == expected
    assert select(parts=json.dumps(local)) == expected
    assert select(parts=hook.to_parquet(manifest)["path"]) == expected


def test_again_is_the_same_under_the_same_names(cos, manifest):
    first = select(manifest=manifest)
    keys = written(cos)
    assert select(manifest=manifest) == first
    assert written(cos) == keys
    assert f"{ROOT}/20261122/manifest.checksum" in keys


def test_a_selection_of_nothing_is_an_inventory_too(manifest):
    result = select(manifest=manifest, where="false")
    assert (result["files"], result["matched_objects"], keys_of(result)) == ([], 0, [])


def test_the_condition_may_ask_the_table_and_is_a_template(manifest):
    where = "Size = (SELECT max(Size) FROM inventory WHERE Key <> '{{ params.key }}') -- the largest"
    task = selection(where=where, manifest=manifest)
    task.render_template_fields({"params": {"key": "readme.txt"}})
    assert keys_of(run(task)) == ["logs/2026/a+b.gz"]


def test_columns_may_be_left_out(manifest):
    result = select(manifest=manifest, columns='["Appid", "Bucket", "Key", "Size"]')
    assert result["columns"] == ["Appid", "Bucket", "Key", "Size"]


def test_it_goes_to_the_reports_bucket_or_to_another_one(cos, manifest):
    assert select(manifest=manifest)["bucket"] == DESTINATION
    assert select(manifest=manifest, destination_bucket=SOURCE)["bucket"] == SOURCE
    cos.create_bucket("elsewhere-1250000000", region="ap-shanghai")
    result = select(manifest=manifest, destination_bucket="elsewhere-1250000000", region="ap-shanghai")
    assert result["region"] == "ap-shanghai"
    assert keys_of(result) == KEYS


def test_without_a_prefix_it_lies_at_the_top_and_its_date_is_that_of_the_run(cos, manifest):
    due = datetime(2026, 1, 31, 23, 30, tzinfo=timezone.utc)
    task = selection(manifest=manifest, destination_prefix=None, date=None)
    result = task.execute(make_context(dag_run=SimpleNamespace(run_after=due)))
    assert result["manifest_key"] == "1250000000/examplebucket/large/20260131/manifest.json"


def test_an_asset_says_what_was_written(manifest):
    asset = Asset(f"cos://{DESTINATION}/picked")
    context = make_context()
    result = selection(manifest=manifest, outlets=[asset]).execute(context)
    extra = context["outlet_events"][asset].extra
    assert (extra["manifest_key"], extra["checksum"]) == (result["manifest_key"], result["checksum"])
    assert selection().multiple_outputs


class TestWhatIsWrong:
    @pytest.mark.parametrize("failing", range(3))
    def test_the_checksum_comes_last_so_what_is_not_whole_is_seen_by_nobody(self, cos, manifest, failing):
        order = [".csv.gz", "manifest.json", "manifest.checksum"]
        cos.fault(action="PutObject", key=f"{re.escape(order[failing])}$", code="AccessDenied", times=None)
        error = select_until_refused(manifest=manifest)
        assert isinstance(error, COSInventoryPermissionError)
        assert error.parameter == "destination_bucket"
        names = {re.sub(r"^[0-9a-f]{32}", "", key.rpartition("/")[2]) for key in written(cos)}
        assert names == set(order[:failing])

    def test_a_condition_that_is_wrong_is_told_with_the_place_and_the_columns_there_are(self, manifest):
        error = select_until_refused(manifest=manifest, where="Sise >= 5")
        assert error.parameter == "where"
        for part in ("LINE 1", "Sise", '"Size"', '"LastModifiedDate"'):
            assert part in str(error)

    def test_nothing_is_written_where_the_report_is_corrupt(self, cos, manifest):
        cos.fault(action="GetObject", key=r"\.csv\.gz$", nth=2, corrupt_at=5)
        assert isinstance(select_until_refused(manifest=manifest), COSInventoryCorruptReportError)
        assert written(cos) == []

    def test_a_forbidden_destination_is_told_before_a_data_file_is_read(self, cos, manifest):
        cos.fault(method="HEAD", bucket=SOURCE, status=403, times=None)
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = select_until_refused(manifest=manifest, destination_bucket=SOURCE)
        assert isinstance(error, COSInventoryPermissionError)
        assert error.parameter == "destination_bucket"
        assert cos.faults()[1]["seen"] == 0

    @pytest.mark.parametrize(
        ("parameter", "value"),
        [
            ("where", ""),
            ("where", None),
            ("inventory_id", "a b"),
            ("inventory_id", ""),
            ("date", "2026-11-22"),
            ("destination_bucket", "no-appid"),
            ("destination_bucket", "missing-1250000000"),
            ("destination_prefix", "a//b"),
            ("columns", ["Key"]),
            ("columns", ["Appid", "Bucket", "Key", "Colour"]),
            ("columns", "Key"),
            ("manifest", {}),
            ("parts", []),
        ],
    )
    def test_a_wrong_value_names_its_parameter(self, cos, manifest, parameter, value):
        sources = {} if parameter in ("manifest", "parts") else {"manifest": manifest}
        error = select_until_refused(**{**sources, parameter: value})
        assert isinstance(error, (COSInventoryConfigurationError, COSInventoryNotFoundError))
        assert error.parameter == parameter
        assert written(cos) == []

    def test_columns_as_the_text_of_a_python_value_are_told_with_what_to_give(self, manifest):
        error = select_until_refused(manifest=manifest, columns="['Key']")
        assert error.parameter == "columns"
        assert error.hint.startswith('Give a list, such as ["Appid", "Bucket", "Key"], or JSON of one')

    def test_one_of_manifest_and_parts_is_wanted(self, manifest):
        assert select_until_refused().parameter == "manifest, parts"
        assert select_until_refused(manifest=manifest, parts=[]).parameter == "manifest, parts"

    def test_a_selection_cannot_take_the_place_of_its_report(self, manifest):
        first = select(manifest=manifest)
        assert select_until_refused(manifest=first).parameter == "inventory_id"
        assert keys_of(first) == KEYS

    def test_parts_that_are_not_all_of_a_report_are_refused(self, cos, manifest):
        part = COSInventoryHook().to_parquet(manifest, batch=manifest["files"][:1])
        assert "1 of the report's 3 data files" in str(select_until_refused(parts=part))
        assert written(cos) == []

    def test_parts_of_a_report_that_is_gone_are_refused_by_its_manifest(self, cos, manifest, tmp_path):
        part = COSInventoryHook().to_parquet(manifest, destination=str(tmp_path))
        cos.delete_object(DESTINATION, manifest["manifest_key"])
        error = select_until_refused(parts=part)
        assert isinstance(error, COSInventoryNotFoundError)
        assert (error.bucket, error.key) == (DESTINATION, manifest["manifest_key"])

    @pytest.mark.usefixtures("impatient_retries")
    def test_what_a_retry_may_heal_is_left_to_a_retry(self, cos, manifest):
        cos.fault(action="PutObject", status=503, times=None)
        with pytest.raises(COSInventoryTransientError):
            select(manifest=manifest)
        cos.clear_faults()
        assert keys_of(select(manifest=manifest)) == KEYS

    def test_the_missing_extra_is_told_with_what_to_type(self, manifest, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)
        assert "pip install 'airflow-provider-cosinv[table]'" in str(select_until_refused(manifest=manifest))


def test_a_task_function_does_the_same_through_the_hook_today(manifest):
    before = datetime.now(timezone.utc)
    result = COSInventoryHook().write_selection(
        where=LARGE, inventory_id="large", manifest=manifest, destination_prefix="picked"
    )
    days = {f"{moment:%Y%m%d}" for moment in (before, datetime.now(timezone.utc))}
    assert result["manifest_key"] in {f"{ROOT}/{day}/manifest.json" for day in days}
    assert keys_of(result) == KEYS


def test_one_line_of_the_log_says_what_came_of_it(cos, manifest):
    with structlog.testing.capture_logs() as entries:
        result = select(manifest=manifest)
    (line,) = [entry["event"] for entry in entries if entry["log_level"] == "info"]
    assert line.startswith(f"cos://{DESTINATION}/{result['manifest_key']}: 1 data files, ")
    assert re.search(r"; written in \d+\.\d s$", line)
    assert str(cos.connection["password"]) not in repr(entries)
