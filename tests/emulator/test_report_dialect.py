# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib

import pytest

from airflow_provider_cosinv.emulator import COSEmulator, EmulatorSettings, ReportDialect
from tests.emulator.client import Caller, configuration, lines_of, manifest_of, only_job, submit

BUCKET = "source-1250000000"


@pytest.fixture
def take():
    """Take an inventory of one object, or none, in a dialect; return emulator and job."""
    started = []

    def run(*, objects=1, prefix="p", **dialect):
        cos = COSEmulator(settings=EmulatorSettings(post_rate=0, dialect=ReportDialect(**dialect)))
        cos.start()
        started.append(cos)
        cos.create_bucket(BUCKET)
        for number in range(objects):
            cos.put_object(BUCKET, f"k{number}", b"1")
        submit(Caller(cos), BUCKET, configuration("one", BUCKET, prefix=prefix))
        return cos, only_job(cos, BUCKET)

    yield run
    for cos in started:
        cos.stop()


def _manifest_and_checksum(cos, job):
    folder = f"{job['report_prefix']}/{job['date']}"
    manifest = cos.get_object(BUCKET, f"{folder}/manifest.json")
    return hashlib.md5(manifest).digest(), cos.get_object(BUCKET, f"{folder}/manifest.checksum").decode()


@pytest.mark.parametrize(
    ("dialect", "spell"),
    [
        ({"checksum": "HEX"}, lambda md5: md5.hex().upper()),
        ({"checksum": "base64"}, lambda md5: base64.b64encode(md5).decode()),
        ({"checksum_newline": True}, lambda md5: md5.hex() + "\n"),
    ],
)
def test_spellings_of_the_checksum(take, dialect, spell):
    md5, checksum = _manifest_and_checksum(*take(**dialect))
    assert checksum == spell(md5)


def test_the_historic_manifest_has_integers_and_another_name_for_the_md5(take):
    cos, job = take(manifest="historic")
    manifest = manifest_of(cos, job)
    assert manifest["version"] == "2016-11-30"
    assert int(manifest["creationTimestamp"]) == int(job["submitted_at"] * 1000)
    assert isinstance(manifest["files"][0]["size"], int)
    assert len(manifest["files"][0]["MD5checksum"]) == 32
    assert len(lines_of(cos, job)) == 1


def test_an_empty_report_may_have_one_empty_file(take):
    cos, job = take(objects=0, empty_report="empty-file")
    assert (len(manifest_of(cos, job)["files"]), lines_of(cos, job)) == (1, [])


def test_a_report_without_prefix_may_begin_with_a_slash(take):
    cos, job = take(prefix=None, root_slash=True)
    assert job["report_prefix"] == "/1250000000/source/one"
    assert len(lines_of(cos, job)) == 1


def test_values_may_be_spelled_otherwise(take):
    cos, job = take(
        quote_all=False,
        lower_booleans=True,
        quoted_etag=True,
        capitalised_storage_class=True,
        milliseconds=True,
        crlf=True,
    )
    (line,) = lines_of(cos, job)
    assert line.startswith("1250000000,source,k0,1,")
    assert '.000Z,Standard,"""c4ca4238a0b923820dcc509a6f75849b""",false,' in line


@pytest.mark.parametrize("wrong", [{"manifest": "old"}, {"checksum": "md5"}, {"empty_report": "none"}])
def test_a_dialect_that_does_not_exist_is_refused(wrong):
    with pytest.raises(ValueError, match="choose one of"):
        ReportDialect(**wrong)
