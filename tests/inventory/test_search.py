# SPDX-License-Identifier: Apache-2.0
"""The test stands where the worker or the triggerer stands: it is asked for objects and sends what there is."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import ReportSearch, Sighting
from airflow_provider_cosinv.inventory.report.search import (
    CHECKSUM_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    Found,
    Wanted,
    look,
)

SUBMITTED = datetime(2022, 11, 20, 12, 0, tzinfo=timezone.utc)
NOW = SUBMITTED + timedelta(minutes=30)
GRACE = timedelta(minutes=3)
MANIFEST = b'{"files": []}'
MD5 = hashlib.md5(MANIFEST).hexdigest()
PREFIX = "reports/1250000000/examplebucket/disposable"
SEARCH = ReportSearch(
    bucket="inventorybucket-1250000000",
    region="ap-guangzhou",
    prefixes=(PREFIX,),
    dates=("20221120",),
    not_before=SUBMITTED,
)
CHECKSUM_KEY = f"{PREFIX}/20221120/manifest.checksum"
MANIFEST_KEY = f"{PREFIX}/20221120/manifest.json"


def found(body: bytes, written: datetime | None = NOW, now: datetime | None = NOW) -> Found:
    return Found(body=body, md5=hashlib.md5(body).hexdigest(), last_modified=written, server_time=now)


def look_at(objects: Mapping[str, Found], search: ReportSearch = SEARCH) -> tuple[Sighting, list[Wanted]]:
    """Look once at a bucket with these objects; return what was seen and what was asked for."""
    asked: list[Wanted] = []
    steps = look(search, grace=GRACE)
    try:
        wanted = next(steps)
        while True:
            asked.append(wanted)
            wanted = steps.send(objects.get(wanted.key))
    except StopIteration as end:
        return end.value, asked


def report(
    date: str = "20221120", *, prefix: str = PREFIX, checksum: bytes = MD5.encode(), written: datetime = NOW
) -> dict[str, Found]:
    return {
        f"{prefix}/{date}/manifest.checksum": found(checksum, written),
        f"{prefix}/{date}/manifest.json": found(MANIFEST, written),
    }


def test_nothing_there_is_absent_after_one_small_request() -> None:
    sighting, asked = look_at({})

    assert sighting == Sighting(state="absent")
    assert asked == [
        Wanted(bucket=SEARCH.bucket, key=CHECKSUM_KEY, max_bytes=CHECKSUM_MAX_BYTES, digest_only=False),
    ]


def test_a_manifest_before_its_checksum_is_absent() -> None:
    sighting, _ = look_at({MANIFEST_KEY: found(MANIFEST)})

    assert sighting.state == "absent"
    assert not sighting.ready


def test_a_checksum_before_its_manifest_is_incomplete() -> None:
    sighting, _ = look_at({CHECKSUM_KEY: found(MD5.encode())})

    assert sighting == Sighting(state="incomplete", manifest_key=MANIFEST_KEY)


def test_manifest_and_checksum_that_agree_are_ready() -> None:
    sighting, asked = look_at(report())

    assert sighting == Sighting(state="ready", manifest_key=MANIFEST_KEY, checksum=MD5)
    assert sighting.ready
    assert asked[1] == Wanted(bucket=SEARCH.bucket, key=MANIFEST_KEY, max_bytes=MANIFEST_MAX_BYTES, digest_only=True)


@pytest.mark.parametrize(
    "spelling",
    [
        MD5.upper().encode(),
        f"{MD5}\n".encode(),
        base64.b64encode(bytes.fromhex(MD5)),
        base64.b64encode(bytes.fromhex(MD5)) + b"\r\n",
        f'"{MD5}"'.encode(),
    ],
    ids=["upper case", "newline", "base64", "base64 and newline", "quotes"],
)
def test_a_checksum_in_any_spelling_is_ready_and_given_as_hex(spelling: bytes) -> None:
    sighting, _ = look_at(report(checksum=spelling))

    assert (sighting.state, sighting.checksum) == ("ready", MD5)


@pytest.mark.parametrize("checksum", [b"0" * 32, b"", b"half a che", b"\xff\xfe", "清单".encode()])
def test_a_mismatch_within_the_grace_is_unverified(checksum: bytes) -> None:
    sighting, _ = look_at(report(checksum=checksum, written=NOW - GRACE))

    assert sighting == Sighting(state="unverified", manifest_key=MANIFEST_KEY)


@pytest.mark.parametrize("checksum", [b"0" * 32, b"", b"\xff\xfe"])
def test_a_mismatch_after_the_grace_is_corrupt_and_names_the_manifest(checksum: bytes) -> None:
    with pytest.raises(COSInventoryCorruptReportError, match=MD5) as raised:
        look_at(report(checksum=checksum, written=NOW - GRACE - timedelta(seconds=1)))

    assert (raised.value.bucket, raised.value.key) == (SEARCH.bucket, MANIFEST_KEY)
    assert raised.value.hint


@pytest.mark.parametrize("late", [CHECKSUM_KEY, MANIFEST_KEY])
def test_the_grace_begins_anew_when_either_of_the_two_is_rewritten(late: str) -> None:
    objects = report(checksum=b"0" * 32, written=SUBMITTED)

    sighting, _ = look_at({**objects, late: dataclasses.replace(objects[late], last_modified=NOW)})

    assert sighting.state == "unverified"


def test_a_mismatch_that_heals_is_ready() -> None:
    assert look_at(report(checksum=b"0" * 32))[0].state == "unverified"
    assert look_at(report())[0].state == "ready"


def test_the_grace_is_counted_by_the_clock_of_cos() -> None:
    years_ago = SUBMITTED - timedelta(days=3000)
    objects = {
        CHECKSUM_KEY: found(b"0" * 32, years_ago, years_ago),
        MANIFEST_KEY: found(MANIFEST, years_ago, years_ago),
    }

    sighting, _ = look_at(objects, dataclasses.replace(SEARCH, not_before=None))

    assert sighting.state == "unverified"


def test_without_the_time_of_cos_the_local_clock_counts() -> None:
    objects = {
        CHECKSUM_KEY: found(b"0" * 32, SUBMITTED, None),
        MANIFEST_KEY: found(MANIFEST, SUBMITTED, None),
    }

    with pytest.raises(COSInventoryCorruptReportError):
        look_at(objects)


def test_without_times_a_mismatch_is_waited_for_and_a_match_is_ready() -> None:
    manifest = found(MANIFEST, None, None)

    mismatch, _ = look_at({CHECKSUM_KEY: found(b"0" * 32, None, None), MANIFEST_KEY: manifest})
    match, _ = look_at({CHECKSUM_KEY: found(MD5.encode(), None, None), MANIFEST_KEY: manifest})

    assert (mismatch.state, match.state) == ("unverified", "ready")


def test_a_report_from_before_the_job_is_older_and_its_manifest_not_read() -> None:
    sighting, asked = look_at(report(written=SUBMITTED - timedelta(minutes=2)))

    assert sighting == Sighting(state="older", manifest_key=MANIFEST_KEY)
    assert len(asked) == 1


def test_a_damaged_report_from_before_the_job_is_no_error() -> None:
    assert look_at(report(checksum=b"0" * 32, written=SUBMITTED - timedelta(hours=9)))[0].state == "older"


def test_clocks_may_differ_by_a_minute() -> None:
    assert look_at(report(written=SUBMITTED - timedelta(minutes=1)))[0].ready


def test_any_report_is_taken_where_none_is_too_old() -> None:
    search = dataclasses.replace(SEARCH, not_before=None)

    assert look_at(report(written=SUBMITTED - timedelta(days=400)), search)[0].ready


SEVERAL = dataclasses.replace(SEARCH, prefixes=(PREFIX, f"/{PREFIX}"), dates=("20221120", "20221121"))


def test_every_prefix_and_date_is_looked_at_likeliest_first() -> None:
    _, asked = look_at({}, SEVERAL)

    assert [wanted.key for wanted in asked] == [
        f"{prefix}/{date}/manifest.checksum" for prefix in SEVERAL.prefixes for date in SEVERAL.dates
    ]


@pytest.mark.parametrize("prefix", SEVERAL.prefixes)
@pytest.mark.parametrize("date", SEVERAL.dates)
def test_a_report_is_found_wherever_it_is(prefix: str, date: str) -> None:
    sighting, _ = look_at(report(date, prefix=prefix), SEVERAL)

    assert sighting == Sighting(state="ready", manifest_key=f"{prefix}/{date}/manifest.json", checksum=MD5)


def test_looking_ends_with_the_first_report_that_is_ready() -> None:
    _, asked = look_at(report("20221120") | report("20221121"), SEVERAL)

    assert len(asked) == 2


@pytest.mark.parametrize("dates", [("20221120", "20221121"), ("20221121", "20221120")])
def test_a_damaged_report_does_not_hide_one_that_is_ready(dates: tuple[str, str]) -> None:
    damaged, whole = dates
    objects = report(damaged, checksum=b"0" * 32, written=SUBMITTED) | report(whole)

    assert look_at(objects, SEVERAL)[0].manifest_key == f"{PREFIX}/{whole}/manifest.json"


@pytest.mark.parametrize("dates", [("20221120", "20221121"), ("20221121", "20221120")])
def test_the_sighting_nearest_to_a_report_is_told(dates: tuple[str, str]) -> None:
    older = report(dates[0], written=SUBMITTED - timedelta(hours=9))
    unverified = report(dates[1], checksum=b"")
    incomplete = {f"{PREFIX}/{dates[1]}/manifest.checksum": found(MD5.encode())}

    assert look_at(older | unverified, SEVERAL)[0].state == "unverified"
    assert look_at(older | incomplete, SEVERAL)[0].state == "incomplete"
    assert look_at(report(dates[0], checksum=b"") | incomplete, SEVERAL)[0].state == "unverified"


PAST = dataclasses.replace(SEARCH, past_dates=("20221120",), past_not_before=NOW)


def test_past_report_is_not_taken_while_newer_one_is_being_written() -> None:
    search = dataclasses.replace(PAST, dates=("20221121", "20221120"))
    past = report("20221120")
    newer = report("20221121")
    begun = {key: found for key, found in newer.items() if key.endswith("manifest.checksum")}

    assert look_at(past, search)[0].ready
    assert look_at({**past, **begun}, search)[0].state == "incomplete"
    sighting, _ = look_at({**past, **newer}, search)
    assert (sighting.ready, sighting.manifest_key) == (True, f"{PREFIX}/20221121/manifest.json")


@pytest.mark.parametrize("search", [SEARCH, SEVERAL, PAST, dataclasses.replace(SEARCH, not_before=None)])
def test_a_search_survives_json(search: ReportSearch) -> None:
    assert ReportSearch.from_dict(json.loads(json.dumps(search.as_dict()))) == search


@pytest.mark.parametrize(
    ("dates", "shown"), [(("20221120",), "20221120"), (("20221120", "20221121"), "{20221120,20221121}")]
)
def test_a_search_reads_as_one_line_with_the_likeliest_place_and_every_date(dates: tuple[str, ...], shown: str) -> None:
    search = dataclasses.replace(SEVERAL, dates=dates)

    assert str(search) == f"cos://inventorybucket-1250000000/{PREFIX}/{shown}"
