# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
import sys

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
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from tests.conftest import DESTINATION, SOURCE
from tests.support.reports import run, take_report

COUNTS = {
    "added": 2,
    "removed": 1,
    "changed": 1,
    "unchanged": 1,
    "added_bytes": 3,
    "removed_bytes": 7,
    "grown_bytes": 6,
    "compared": ["Size", "ETag", "StorageClass"],
    "warnings": [],
}


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=2)


@pytest.fixture
def reports(cos):
    """Two reports: two objects added, one removed, one changed, one as it was."""
    return take_report(), take_report_of_change(cos)


def take_report_of_change(cos, **parameters):
    cos.put_object(SOURCE, "new/一.txt", b"1")
    cos.put_object(SOURCE, "new/2", b"12")
    cos.delete_object(SOURCE, "readme.txt")
    cos.put_object(SOURCE, "图片/一 二.jpg", b"123456789", storage_class="STANDARD_IA")
    return take_report(**parameters)


def to_parts(manifest, folder):
    hook = COSInventoryHook()
    return [hook.to_parquet(manifest, batch=[file], destination=str(folder)) for file in manifest["files"]]


def compare(**parameters):
    return run(COSInventoryDiffOperator(task_id="diff", **parameters))


def compare_until_refused(**parameters):
    with pytest.raises(AirflowFailException) as raised:
        compare(**parameters)
    return raised.value.__cause__


def test_two_manifests_are_compared(reports):
    before, after = reports
    result = compare(previous=before, current=after)
    assert result == COUNTS
    assert json.loads(json.dumps(result)) == result


def test_parts_and_manifests_are_compared_in_any_combination(reports, tmp_path):
    before, after = reports
    old, new = to_parts(before, tmp_path / "old"), to_parts(after, tmp_path / "new")
    assert compare(previous=old, current=new) == COUNTS
    assert compare(previous=before, current=[part["path"] for part in new]) == COUNTS
    assert compare(previous=json.dumps(old), current=json.dumps(after)) == COUNTS


class TestUnlikeReports:
    """Reports whose comparison says little; parts know of it what their manifests say."""

    @pytest.fixture(params=["manifests", "parts"])
    def given(self, request, tmp_path):
        """What a side of a diff is given for a report."""
        return (lambda report: report) if request.param == "manifests" else lambda report: to_parts(report, tmp_path)

    def test_reports_of_different_buckets_are_refused(self, cos, given):
        cos.create_bucket("other-1250000000")
        cos.put_object("other-1250000000", "a", b"1")
        before, after = given(take_report()), given(take_report(bucket="other-1250000000"))
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = compare_until_refused(previous=before, current=after)
        assert isinstance(error, COSInventoryConfigurationError)
        assert f"lists {SOURCE}, the current one other-1250000000" in error.message
        assert cos.faults()[0]["seen"] == 0

    def test_exchanged_reports_are_warned_of(self, reports, given):
        later = COSInventoryHook().write_selection(
            where="true", inventory_id="later", manifest=reports[1], date="20991231"
        )
        with structlog.testing.capture_logs() as entries:
            result = compare(previous=given(later), current=given(reports[0]))
        (warning,) = result["warnings"]
        assert warning.startswith("The previous report is of 20991231, the current one of 20")
        assert warning in [entry["event"] for entry in entries if entry["log_level"] == "warning"]
        assert (result["removed"], result["added"]) == (2, 1)

    def test_reports_of_different_filters_and_fields_are_warned_of(self, reports, given):
        part = take_report(prefix="new/", optional_fields=["Size", "ETag", "StorageClass"])
        with structlog.testing.capture_logs() as entries:
            result = compare(previous=given(reports[0]), current=given(part))
        fields, filters = result["warnings"]
        assert fields.endswith("ReplicationStatus, Tag only in the previous report.")
        assert filters.endswith("the current one has 2 of 4 listed objects, the previous one all.")
        assert set(result["warnings"]) <= {entry["event"] for entry in entries if entry["log_level"] == "warning"}


def test_two_parts_on_cos_are_compared_there(reports):
    old, new = (COSInventoryHook().to_parquet(report) for report in reports)
    assert compare(previous=old, current=new["path"]) == COUNTS


def test_the_same_report_twice_has_no_difference(reports):
    result = compare(previous=reports[0], current=reports[0])
    assert (result["added"], result["removed"], result["changed"], result["unchanged"]) == (0, 0, 0, 3)


@pytest.mark.parametrize("nothing", [None, "", "null"])
@pytest.mark.parametrize("kind", ["manifest", "parts"])
def test_everything_is_added_where_there_is_no_report_before(cos, tmp_path, kind, nothing):
    current = take_report()
    if kind == "parts":
        current = to_parts(current, tmp_path)
    result = compare(previous=nothing, current=current)
    assert (result["added"], result["added_bytes"], result["unchanged"], result["removed"]) == (3, 15, 0, 0)


def test_a_report_of_nothing_is_compared_as_any_other(cos, tmp_path):
    empty, full = take_report(prefix="nothing/"), take_report()
    assert compare(previous=empty, current=full)["added"] == 3
    assert compare(previous=full, current=empty)["removed"] == 3
    part = COSInventoryHook().to_parquet(empty, destination=str(tmp_path))
    assert compare(previous=part, current=part)["unchanged"] == 0


def test_what_has_changed_is_written(cos, reports):
    before, after = reports
    path = f"cos://{DESTINATION}/changes.csv"
    result = compare(previous=before, current=after, destination=path)
    body = cos.get_object(DESTINATION, "changes.csv")
    assert result == {**COUNTS, "path": path, "rows": 4, "bytes": len(body)}
    rows = {row["Key"]: row for row in csv.DictReader(body.decode().splitlines())}
    assert {key: row["change"] for key, row in rows.items()} == {
        "new/一.txt": "added",
        "new/2": "added",
        "readme.txt": "removed",
        "图片/一 二.jpg": "changed",
    }
    assert (rows["图片/一 二.jpg"]["OldSize"], rows["图片/一 二.jpg"]["NewSize"]) == ("3", "9")


def test_what_has_changed_is_written_as_parquet_in_the_place_of_what_was_there(reports, tmp_path):
    before, after = reports
    path = tmp_path / "changes.parquet"
    path.write_text("before")
    result = compare(previous=before, current=after, destination=str(path))
    assert (result["path"], result["rows"], result["bytes"]) == (str(path), 4, path.stat().st_size)
    assert duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE change = 'added'").fetchall() == [(2,)]
    assert duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall() == [("ZSTD",)]


class TestWhatIsWrong:
    def test_reports_of_different_columns_are_refused_before_a_data_file_is_read(self, cos):
        before = take_report(optional_fields=["Size", "ETag"])
        after = take_report(optional_fields=["Size"])
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = compare_until_refused(previous=before, current=after)
        assert isinstance(error, COSInventoryConfigurationError)
        assert (error.parameter, "ETag only in the previous report" in str(error)) == ("previous", True)
        assert cos.faults()[0]["seen"] == 0

    def test_a_report_without_what_is_compared_is_refused(self, cos):
        report = take_report(optional_fields=["StorageClass"])
        assert "neither Size nor ETag" in str(compare_until_refused(previous=None, current=report))

    @pytest.mark.parametrize("side", ["previous", "current"])
    def test_nothing_is_written_where_a_report_is_corrupt(self, cos, reports, tmp_path, side):
        both = dict(zip(("previous", "current"), reports, strict=True))
        key = both[side]["files"][-1]["key"]
        cos.fault(action="GetObject", key=key, corrupt_at=5)
        error = compare_until_refused(**both, destination=str(tmp_path / "x.csv"))
        assert isinstance(error, COSInventoryCorruptReportError)
        assert error.key == key
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("side", "value"),
        [
            pytest.param("previous", {}, id="empty"),
            pytest.param("current", {"bucket": "x"}, id="no manifest"),
            pytest.param("previous", [], id="no parts"),
            pytest.param("current", ["relative.parquet"], id="no such part"),
            pytest.param("previous", [{"rows": 1}], id="no path"),
            pytest.param("current", 3, id="number"),
            pytest.param("previous", "None", id="text"),
            pytest.param("current", "{'python': 1}", id="text of Python"),
        ],
    )
    def test_a_side_that_is_no_report_is_named(self, reports, side, value):
        both = {"previous": reports[0], "current": reports[1], side: value}
        error = compare_until_refused(**both)
        assert isinstance(error, COSInventoryConfigurationError)
        assert error.parameter == side

    def test_there_must_be_a_current_report(self, reports):
        error = compare_until_refused(previous=reports[0], current=None)
        assert error.parameter == "current"
        assert error.message == "None is not a report."
        assert error.hint.startswith(
            "Pass a manifest, such as the output of a COSInventorySensor; or the output of COSInv"
        )

    def test_parts_that_are_not_all_of_a_report_are_refused(self, reports, tmp_path):
        before, after = (to_parts(report, tmp_path) for report in reports)
        error = compare_until_refused(previous=before[:1], current=after)
        assert (error.parameter, "1 of the report's 2 data files" in str(error)) == ("previous", True)
        error = compare_until_refused(previous=before, current=[*before, *after])
        assert (error.parameter, "different reports" in str(error)) == ("current", True)

    def test_a_forbidden_destination_is_told_before_a_data_file_is_read(self, cos, reports):
        cos.fault(method="HEAD", bucket=DESTINATION, status=403, times=None)
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = compare_until_refused(
            previous=reports[0], current=reports[1], destination=f"cos://{DESTINATION}/x.parquet"
        )
        assert isinstance(error, COSInventoryPermissionError)
        assert error.parameter == "destination"
        assert cos.faults()[1]["seen"] == 0

    @pytest.mark.usefixtures("impatient_retries")
    def test_what_a_retry_may_heal_is_left_to_a_retry(self, cos, reports):
        old, new = (COSInventoryHook().to_parquet(report) for report in reports)
        cos.fault(method="GET", status=503, times=None)
        for previous, current in (reports, (old, new)):
            with pytest.raises(COSInventoryTransientError):
                compare(previous=previous, current=current)

    def test_the_missing_extra_is_told_with_what_to_type(self, reports, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)
        error = compare_until_refused(previous=reports[0], current=reports[1])
        assert "pip install 'airflow-provider-cosinv[table]'" in str(error)


def test_the_result_is_the_same_through_the_hook_and_its_keys_are_xcoms(reports):
    before, after = reports
    assert COSInventoryHook().diff(previous=before, current=after) == COUNTS
    assert COSInventoryDiffOperator(task_id="diff", previous=None, current={}).multiple_outputs


def test_one_line_of_the_log_says_what_came_of_it(cos, reports, tmp_path):
    with structlog.testing.capture_logs() as entries:
        compare(previous=reports[0], current=reports[1], destination=str(tmp_path / "x.csv"))
    (line,) = [entry["event"] for entry in entries if entry["log_level"] == "info"]
    assert line.startswith(f"2 added, 1 removed, 1 changed, 1 unchanged; 4 rows written to {tmp_path}/x.csv (")
    assert str(cos.connection["password"]) not in repr(entries)
