# SPDX-License-Identifier: Apache-2.0
"""Manifests that cannot be trusted: refused by the hook, and by the sensor in every mode; no data file is read."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.reports import DATE, packed, put_report
from tests.support.tasks import make_context, run_task

FOLDER = "inv/1250000000/examplebucket/mine"
BODY = packed("1250000000,examplebucket,a.txt,1\n")
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
MODES = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


@pytest.fixture(scope="module")
def emulator():
    with COSEmulator() as started:
        started.create_bucket(DESTINATION)
        yield started


@pytest.fixture
def cos(emulator, monkeypatch):
    """One emulator for all: nothing here depends on its settings, and to stop one takes longer than a test."""
    emulator.clear_faults()
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", emulator.connection_json)
    return emulator


def file(**changes):
    return {"files": [{"key": f"{FOLDER}/{'a' * 32}.csv.gz", "size": str(len(BODY)), "md5Checksum": MD5, **changes}]}


def elsewhere(key):
    return file(key=key), "does not lie below inv/1250000000/examplebucket/mine/"


OUTSIDE = {
    "another bucket": ({"destinationBucket": "elsewhere"}, "names 'elsewhere-1250000000' as its bucket"),
    "another bucket, in full": ({"destinationBucket": "elsewhere-1250000000"}, "as its bucket"),
    "another account's bucket of the same name": ({"destinationAppid": "1250000001"}, "as its bucket"),
    "no bucket": ({"destinationBucket": None}, "destinationBucket is None"),
    "a key that climbs up": elsewhere(f"{FOLDER}/../other/{'a' * 32}.csv.gz"),
    "a key that climbs up and comes back": elsewhere(f"{FOLDER}/../mine/{'a' * 32}.csv.gz"),
    "a key with a dot between slashes": elsewhere(f"{FOLDER}/./{'a' * 32}.csv.gz"),
    "an absolute key": elsewhere(f"/{FOLDER}/{'a' * 32}.csv.gz"),
    "a URL": elsewhere(f"cos://{DESTINATION}/{FOLDER}/{'a' * 32}.csv.gz"),
    "a key under another prefix": elsewhere("secret/salaries.csv.gz"),
    "a key of another inventory": elsewhere(f"inv/1250000000/examplebucket/other/{'a' * 32}.csv.gz"),
    "a key of an inventory whose id begins alike": elsewhere(f"{FOLDER}2/{'a' * 32}.csv.gz"),
    "a key of another source bucket": elsewhere(f"inv/1250000000/otherbucket/mine/{'a' * 32}.csv.gz"),
    "no key": elsewhere(None),
}
WRONG = {
    "another format": ({"fileFormat": "ORC"}, "the report's format is 'ORC'"),
    "no columns": ({"fileSchema": None}, "fileSchema is None"),
    "columns without Key": ({"fileSchema": "Appid, Bucket, Size"}, "fileSchema is"),
    "a column twice": ({"fileSchema": "Key, Size, Size"}, "fileSchema is"),
    "a count that is not a number": (
        {"filterObjectCount": "many"},
        "filterObjectCount is 'many', which is not a number",
    ),
    "a size that is not a number": (file(size="1e3"), "size is '1e3', which is not a number"),
    "no size": (file(size=None), "The size of the data file"),
    "no MD5": (file(md5Checksum=None), "The MD5 of the data file"),
    "an MD5 that is none": (file(md5Checksum="0" * 31), "The MD5 of the data file"),
    "a data file twice": ({"files": file()["files"] * 2}, "stands twice"),
    "no list of files": ({"files": None}, "files is missing"),
    "rows without files": ({"filterObjectCount": "5", "files": []}, "says 5 rows and names no data file"),
}


def refused(error, report, reason):
    assert isinstance(error, COSInventoryCorruptReportError)
    assert (error.bucket, error.key) == (DESTINATION, report.manifest_key)
    for part in (DESTINATION, report.manifest_key):
        assert part in str(error)
    assert reason.lower() in str(error).lower()


DAMAGED = {**OUTSIDE, **WRONG}
# The same lines refuse it in every mode: each damage in one, and one of each table in all of them.
IN_MODES = {
    f"{damage}-{mode}": (*DAMAGED[damage], mode)
    for number, damage in enumerate(DAMAGED)
    for place, mode in enumerate(MODES)
    if number % len(MODES) == place or damage in (next(iter(OUTSIDE)), next(iter(WRONG)))
}


class TestManifestThatCannotBeTrusted:
    @pytest.mark.parametrize(("changes", "reason"), DAMAGED.values(), ids=DAMAGED)
    def test_the_hook_refuses_it(self, cos, changes, reason):
        report = put_report(cos, DESTINATION, BODY, changes=changes)
        with pytest.raises(COSInventoryCorruptReportError) as raised:
            COSInventoryHook().read_manifest(
                bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum
            )
        refused(raised.value, report, reason)

    @pytest.mark.parametrize(("changes", "reason", "mode"), IN_MODES.values(), ids=IN_MODES)
    def test_the_sensor_refuses_it_in_every_mode_and_reads_no_data_file(self, cos, changes, reason, mode):
        report = put_report(cos, DESTINATION, BODY, changes=changes)
        cos.fault(method="GET", key=r"\.gz$", times=0)  # counts
        cos.fault(method="GET", status=404, code="NoSuchKey")  # so that the triggerer has something to find
        sensor = {"bucket": SOURCE, "destination_bucket": DESTINATION, "destination_prefix": "inv", "date": DATE}
        with pytest.raises(COSInventoryCorruptReportError) as raised:
            run_task(
                lambda: COSInventorySensor(
                    task_id="wait",
                    inventory_id="mine",
                    poke_interval=0.01,
                    timeout=3600,
                    soft_fail=True,
                    **sensor,
                    **MODES[mode],
                ),
                make_context(),
            )
        refused(raised.value, report, reason)
        assert cos.faults()[0]["seen"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"<Error/>", b"[" * 100_000], ids=repr)
def test_a_manifest_that_is_no_json_object_is_refused(cos, body):
    report = put_report(cos, DESTINATION, BODY)
    cos.put_object(DESTINATION, report.manifest_key, body)
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        COSInventoryHook().read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=md5)
    refused(raised.value, report, "the manifest is not")


def test_the_checksum_of_a_manifest_is_checked_when_it_is_read(cos):
    report = put_report(cos, DESTINATION, BODY)
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        COSInventoryHook().read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=MD5)
    refused(raised.value, report, f"The manifest's MD5 is {report.checksum}, not {MD5}")
    assert raised.value.hint.startswith("Check that the checksum is that of manifest.checksum.")


@pytest.mark.parametrize("checksum", ["abc", "", "0" * 31, None])
def test_a_checksum_that_is_none_is_refused_before_anything_is_sent(cos, checksum):
    report = put_report(cos, DESTINATION, BODY)
    cos.fault(method="GET", times=0)  # counts
    with pytest.raises(COSInventoryConfigurationError) as raised:
        COSInventoryHook().read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=checksum)
    assert raised.value.parameter == "checksum"
    assert cos.faults()[0]["seen"] == 0


def test_a_checksum_may_be_the_text_of_manifest_checksum(cos):
    report = put_report(cos, DESTINATION, BODY)
    manifest = COSInventoryHook().read_manifest(
        bucket=DESTINATION, manifest_key=report.manifest_key, checksum=f'"{report.checksum.upper()}"\n'
    )
    assert manifest.checksum == report.checksum


def test_a_manifest_that_is_gone_is_an_error_that_names_it(cos):
    report = put_report(cos, DESTINATION, BODY)
    cos.delete_object(DESTINATION, report.manifest_key)
    with pytest.raises(COSInventoryNotFoundError) as raised:
        COSInventoryHook().read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum)
    assert (raised.value.bucket, raised.value.key) == (DESTINATION, report.manifest_key)


@pytest.mark.parametrize("rows", [None, 0], ids=["no count", "zero objects"])
def test_a_manifest_of_zero_files_is_read_as_no_rows(cos, rows):
    report = put_report(cos, DESTINATION, rows=rows)
    hook = COSInventoryHook()
    manifest = hook.read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum)
    assert list(hook.iter_records(manifest)) == manifest.batches() == []


def test_damaged_manifest_that_the_triggerer_found_is_read_once(cos):
    report = put_report(cos, DESTINATION, BODY, changes={"listObjectCount": "9" * 20})
    cos.fault(method="GET", key="manifest.json$", times=0)  # counts
    cos.fault(method="GET", status=404, code="NoSuchKey")  # so that the triggerer has something to find
    sensor = {"bucket": SOURCE, "destination_bucket": DESTINATION, "destination_prefix": "inv", "date": DATE}
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        run_task(
            lambda: COSInventorySensor(
                task_id="wait", inventory_id="mine", poke_interval=0.01, timeout=3600, deferrable=True, **sensor
            ),
            make_context(),
        )
    refused(raised.value, report, "listObjectCount is")
    # Once for its MD5 in the triggerer, once on the worker.
    assert cos.faults()[0]["seen"] == 2
