# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.report.layout import (
    check_date,
    checksum_key,
    manifest_key,
    report_dates,
    report_prefixes,
)

BUCKET = "examplebucket-1250000000"
TAIL = "1250000000/examplebucket/disposable"
CHINA = timezone(timedelta(hours=8))


def test_the_keys_of_the_page_are_built() -> None:
    (prefix,) = report_prefixes("cos_bucket_inventory", BUCKET, "disposable")

    assert manifest_key(prefix, "20221120") == (
        "cos_bucket_inventory/1250000000/examplebucket/disposable/20221120/manifest.json"
    )
    assert checksum_key(prefix, "20221120") == (
        "cos_bucket_inventory/1250000000/examplebucket/disposable/20221120/manifest.checksum"
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a", ("a",)),
        ("a/b", ("a/b",)),
        ("a//b", ("a//b",)),
        ("清单", ("清单",)),
        ("a/", ("a", "a/")),
        ("a//", ("a", "a/", "a//")),
        ("/a", ("a", "/a")),
        ("/a/", ("a", "/a", "/a/")),
    ],
)
def test_every_reading_of_a_prefix_is_tried_likeliest_first(written: str, expected: tuple[str, ...]) -> None:
    assert report_prefixes(written, BUCKET, "disposable") == tuple(f"{prefix}/{TAIL}" for prefix in expected)


@pytest.mark.parametrize("absent", [None, "", "/"])
def test_without_a_prefix_the_keys_may_or_may_not_begin_with_a_slash(absent: str | None) -> None:
    assert report_prefixes(absent, BUCKET, "disposable")[:2] == (TAIL, f"/{TAIL}")


@given(st.text("a/", max_size=6))
def test_the_readings_of_a_prefix_hold_the_plain_ones_and_no_reading_twice(written: str) -> None:
    found = report_prefixes(written, BUCKET, "disposable")

    assert len(set(found)) == len(found)
    assert f"{written}/{TAIL}" in found, "a slash is always appended"
    assert (f"{written}{TAIL}" if written.endswith("/") else f"{written}/{TAIL}") in found, "only where there is none"
    assert f"{written.strip('/')}/{TAIL}".lstrip("/") in found, "slashes are cleaned"


def test_a_source_bucket_without_appid_is_refused() -> None:
    with pytest.raises(COSInventoryConfigurationError):
        report_prefixes("a", "examplebucket", "disposable")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc), ("20260310",)),
        (datetime(2026, 3, 10, 15, 59, 59, tzinfo=timezone.utc), ("20260310",)),
        (datetime(2026, 3, 10, 16, 0, tzinfo=timezone.utc), ("20260310", "20260311")),
        (datetime(2026, 3, 10, 23, 59, tzinfo=timezone.utc), ("20260310", "20260311")),
        (datetime(2026, 3, 11, 0, 0, tzinfo=timezone.utc), ("20260311",)),
        (datetime(2026, 3, 10, 23, 59, tzinfo=CHINA), ("20260310",)),
        (datetime(2026, 3, 10, 0, 0, tzinfo=CHINA), ("20260309", "20260310")),
        (datetime(2026, 1, 31, 23, 59, tzinfo=timezone.utc), ("20260131", "20260201")),
        (datetime(2026, 12, 31, 23, 59, tzinfo=timezone.utc), ("20261231", "20270101")),
        (datetime(2028, 2, 28, 16, 0, tzinfo=timezone.utc), ("20280228", "20280229")),
        (datetime(2026, 3, 10, 23, 30, tzinfo=timezone(timedelta(hours=-8))), ("20260311",)),
    ],
)
def test_a_moment_has_the_dates_of_both_zones(moment: datetime, expected: tuple[str, ...]) -> None:
    assert report_dates(moment, moment) == expected


def test_a_span_has_each_day_between_in_order_and_once() -> None:
    begin = datetime(2026, 12, 30, 12, 0, tzinfo=timezone.utc)

    assert report_dates(begin, begin + timedelta(days=2)) == ("20261230", "20261231", "20270101")


@pytest.mark.parametrize("date", ["20221120", "20280229", "00010101"])
def test_a_day_is_a_date(date: str) -> None:
    assert check_date(date) == date


@pytest.mark.parametrize(
    "date",
    [
        "",
        "2022-11-20",
        "20221131",
        "20230229",
        "20221301",
        "00000101",
        "2022112",
        "２０２２１１２０",
        "20221120\n",
        None,
        20221120,
    ],
)
def test_what_is_no_day_is_refused_and_named(date: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        check_date(date)

    assert raised.value.parameter == "date"
