# SPDX-License-Identifier: Apache-2.0
"""Data files that are not what the manifest says: whole rows or an error that names bucket, key, line and reason."""

from __future__ import annotations

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings, ReportDialect
from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import DataFile, Manifest
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.reports import packed, put_report
from tests.support.tasks import make_context, run_task

COLUMNS = ("Appid", "Bucket", "Key", "Size", "LastModifiedDate", "IsLatest", "Tag")
A, B, C = (
    f"1250000000,examplebucket,{key}.txt,{key_size},,True,\n" for key, key_size in (("a", 1), ("b", 2), ("c", 3))
)


def manifest_of(report):
    return COSInventoryHook().read_manifest(
        bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum
    )


def take_report(**parameters):
    operator = COSInventoryOperator(
        task_id="submit",
        bucket=SOURCE,
        destination_bucket=DESTINATION,
        destination_prefix="inv",
        wait_for_completion=True,
        poll_interval=0.01,
        **parameters,
    )
    return run_task(lambda: operator, make_context()).result["manifest"]


def read_until_refused(manifest, error=COSInventoryCorruptReportError, **how):
    """Read the rows of a report; return the keys that came, and the error that they ended in."""
    records = COSInventoryHook().iter_records(manifest, **how)
    keys = []
    with pytest.raises(error) as raised:
        keys.extend(record.key for record in records)
    return keys, raised.value


def check_names(error, *, key, reason, line=None):
    assert (error.bucket, error.key, error.line) == (DESTINATION, key, line)
    assert reason in error.message
    for part in (DESTINATION, key, reason, *([f"line: {line}"] if line else [])):
        assert part in str(error)


ROWS = {
    "too few columns": ("1250000000,examplebucket,x\n", "it has 3 fields, the schema has 7"),
    "too many columns": ("1250000000,examplebucket,x,1,,True,,\n", "it has 8 fields, the schema has 7"),
    "a blank": (" \n", "it has 1 fields, the schema has 7"),
    "a percent sign that begins no escape": ("1,b,50%zz,1,,True,\n", "Key: '50%zz' has a % at character 3"),
    "a percent sign at the end": ("1,b,50%,1,,True,\n", "begins no escape"),
    "an escape that is not UTF-8": ("1,b,%ff%fe,1,,True,\n", "is not UTF-8 when decoded"),
    "bytes that are not UTF-8": (b"1,b,\xff\xfe,1,,True,\n", "A line is not UTF-8"),
    "half a character": ("1,b,清,1,,True,\n".encode().replace(b"\x85", b""), "A line is not UTF-8"),
    "a size that is a word": ("1,b,x,many,,True,\n", "Size: 'many' is not a number"),
    "a size with an exponent": ("1,b,x,1e3,,True,\n", "Size: '1e3' is not a number"),
    "a size below zero": ("1,b,x,-1,,True,\n", "Size: '-1' is not a number"),
    "a size of thousands of digits": (f"1,b,x,{'9' * 5000},,True,\n", "Size: "),
    "a time that is none": (
        "1,b,x,1,yesterday,True,\n",
        "'yesterday' is not a known timestamp format",
    ),
    "a boolean that is none": ("1,b,x,1,,perhaps,\n", "IsLatest: 'perhaps' is not a boolean"),
    "no key": ("1,b,,1,,True,\n", "Key is empty"),
    "text behind a quoted field": ('1,b,"x"y,1,,True,\n', "A row cannot be read"),
}


@pytest.mark.parametrize(("row", "reason"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("good", [0, 1, 3000])
def test_a_row_that_cannot_be_read_is_refused_by_line_after_the_rows_before_it(cos, row, reason, good):
    report = put_report(cos, DESTINATION, packed(*[A] * good, row, B), columns=COLUMNS)
    keys, error = read_until_refused(manifest_of(report))
    check_names(error, key=report.file_keys[0], line=good + 1, reason=reason)
    # Bytes become text block by block: what is not UTF-8 is noticed before the rows of its block are handed out.
    assert keys == ["a.txt"] * (len(keys) if "UTF-8" in reason and "decoded" not in reason else good)
    assert len(keys) <= good


def test_the_line_is_counted_in_the_file_and_rows_of_the_files_before_are_handed_out(cos):
    report = put_report(cos, DESTINATION, packed(A, B), packed(C, "broken\n"), columns=COLUMNS)
    keys, error = read_until_refused(manifest_of(report))
    assert keys == ["a.txt", "b.txt", "c.txt"]
    check_names(error, key=report.file_keys[1], line=2, reason="it has 1 fields")


def test_a_quote_that_is_never_closed_takes_no_rows_with_it_unnoticed(cos):
    report = put_report(cos, DESTINATION, packed(A, '1,b,"x,1,,True,\n', B, C), columns=COLUMNS)
    keys, error = read_until_refused(manifest_of(report))
    assert keys == ["a.txt"]
    check_names(error, key=report.file_keys[0], line=4, reason="unexpected end of data")


def test_columns_that_nobody_knows_are_kept_as_text(cos):
    row = "1250000000,examplebucket,a%2Bb,1,new,\n"
    columns = ("Appid", "Bucket", "Key", "Size", "Novelty", "x-cos-meta-owner")
    report = put_report(cos, DESTINATION, packed(row), columns=columns, rows=1)
    (record,) = COSInventoryHook().iter_records(manifest_of(report))
    assert (record.key, record.other, record.metadata) == ("a+b", {"Novelty": "new"}, {"x-cos-meta-owner": None})


SPOILED = {
    "a file shorter than the manifest says": ({"truncate_to": 40}, "has 40 bytes, the manifest says"),
    "an empty file": ({"truncate_to": 0}, "has 0 bytes, the manifest says"),
    "a longer file": ({"pad_to": 100_000}, "is longer than the"),
    "another first byte": ({"corrupt_at": 0}, "is not gzip"),
    # In the time that gzip keeps: nothing but the MD5 tells.
    "another byte that does not matter": ({"corrupt_at": 5}, "MD5 is"),
}


@pytest.mark.parametrize(("fault", "reason"), SPOILED.values(), ids=SPOILED)
def test_a_data_file_that_is_not_the_one_of_the_manifest_is_refused(cos, fault, reason):
    cos.fault(action="DeliverReport", key=r"\.csv\.gz$", **fault)
    manifest = take_report()
    _, error = read_until_refused(manifest)
    check_names(error, key=manifest["files"][0]["key"], reason=reason)


def test_a_byte_changed_in_the_middle_is_refused(cos):
    cos.fault(action="DeliverReport", key=r"\.csv\.gz$", corrupt_at=60)
    manifest = take_report()
    _, error = read_until_refused(manifest)
    assert (error.bucket, error.key) == (DESTINATION, manifest["files"][0]["key"])


def test_a_wrong_md5_is_an_error_though_every_row_was_handed_out(cos):
    cos.fault(action="DeliverReport", key=r"\.csv\.gz$", corrupt_at=5)
    manifest = take_report()
    keys, _ = read_until_refused(manifest)
    assert len(keys) == manifest["matched_objects"] == 3


def test_a_gzip_stream_that_ends_too_early_is_refused(cos):
    report = put_report(cos, DESTINATION, packed(A, B, C)[:-12], columns=COLUMNS)
    keys, error = read_until_refused(manifest_of(report))
    check_names(error, key=report.file_keys[0], reason="ends in the middle of its gzip stream")
    assert keys == ["a.txt", "b.txt", "c.txt"][: len(keys)]


class TestSeveralFiles:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, rows_per_file=1)

    def test_a_missing_data_file_is_an_error_that_names_it(self, cos):
        cos.fault(action="DeliverReport", key=r"\.csv\.gz$", nth=2, drop=True)
        manifest = take_report()
        keys, error = read_until_refused(manifest, COSInventoryNotFoundError)
        assert len(keys) == 1
        assert error.code == "NoSuchKey"
        check_names(error, key=manifest["files"][1]["key"], reason="GET Object failed")

    def test_a_report_with_fewer_rows_than_it_says_is_refused(self, cos):
        manifest = take_report()
        keys, error = read_until_refused({**manifest, "files": manifest["files"][:2]})
        assert len(keys) == 2
        check_names(error, key=manifest["manifest_key"], reason="have 2 rows, the manifest says 3")

    def test_a_report_with_more_rows_than_it_says_is_refused_at_the_first_of_them(self, cos):
        keys, error = read_until_refused({**(manifest := take_report()), "matched_objects": 2})
        assert len(keys) == 2
        check_names(error, key=manifest["manifest_key"], reason="have more than 2 rows, the manifest says 2")

    def test_a_part_of_the_files_is_not_counted(self, cos):
        manifest = take_report()
        assert len(list(COSInventoryHook().iter_records(manifest, files=manifest["files"][1:]))) == 2


def test_a_file_of_a_batch_is_held_against_the_batch(cos):
    report = put_report(cos, DESTINATION, body := packed(A, B), columns=COLUMNS)
    forged = DataFile(key=report.file_keys[0], size=len(body), md5="0" * 32)
    _, error = read_until_refused(manifest_of(report), files=[forged])
    check_names(error, key=forged.key, reason="MD5 is")


@pytest.mark.parametrize(
    "dialect",
    [
        ReportDialect(),
        ReportDialect(manifest="historic"),
        ReportDialect(empty_report="empty-file"),
        ReportDialect(manifest="historic", empty_report="empty-file"),
    ],
    ids=["today's", "first generation", "empty file", "first generation, empty file"],
)
class TestEmptyReport:
    @pytest.fixture
    def emulator_settings(self, dialect):
        return EmulatorSettings(post_rate=0, dialect=dialect)

    @pytest.mark.parametrize("prefix", [None, "nothing/"], ids=["all objects", "zero objects"])
    def test_both_generations_are_read_with_and_without_objects(self, cos, prefix):
        manifest = take_report(prefix=prefix)
        records = list(COSInventoryHook().iter_records(manifest))
        assert len(records) == manifest["matched_objects"] == (0 if prefix else 3)
        assert len(Manifest.from_dict(manifest).batches()) == len(manifest["files"])
