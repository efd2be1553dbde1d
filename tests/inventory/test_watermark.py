# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.report.watermark import REMEMBERED, Watermark

NOW = datetime(2026, 11, 30, 20, tzinfo=timezone.utc)  # in China, it is the 1st of December


def test_a_date_is_new_once():
    mark = Watermark()
    assert mark.is_new("20261101")
    assert not mark.with_announced(["20261101"]).is_new("20261101")


def test_a_report_that_is_late_is_still_new():
    mark = Watermark().with_announced(["20261103"])
    assert mark.is_new("20261102")


def test_since_a_date_means_that_date_too():
    mark = Watermark.before("20260301", now=NOW)
    assert mark.is_new("20260301")
    assert not mark.is_new("20260228")


def test_it_does_not_grow_and_forgets_nothing_that_was_announced():
    dates = [f"2026{month:02}{day:02}" for month in range(1, 4) for day in range(1, 29)]
    mark = Watermark()
    for date in dates:
        mark = mark.with_announced([date])
    assert len(mark.announced) == REMEMBERED
    assert not any(mark.is_new(date) for date in dates)
    assert mark.is_new("20260329")


def test_it_travels_as_json():
    mark = Watermark(floor="20261001", announced=("20261002", "20261003"))
    assert Watermark.from_json(mark.as_json(), parameter="x") == mark


@pytest.mark.parametrize(
    "text", ["", "no", "[]", "{}", "[" * 100_000, '{"floor": 1, "announced": []}', '{"floor": "", "announced": ["x"]}']
)
def test_anything_else_is_an_error_that_says_what_to_do(text):
    with pytest.raises(COSInventoryConfigurationError, match="Delete the Variable") as raised:
        Watermark.from_json(text, parameter="Variable x")
    assert raised.value.parameter == "Variable x"


def test_a_wrong_since_is_named():
    with pytest.raises(COSInventoryConfigurationError) as raised:
        Watermark.before("2026-03-01", now=NOW)
    assert raised.value.parameter == "since"


@pytest.mark.parametrize(("since", "floor"), [("00010101", ""), ("20000101", ""), ("20000102", "20000101")])
def test_since_a_date_before_all_reports_has_no_floor(since, floor):
    assert Watermark.before(since, now=NOW).floor == floor


def test_since_may_be_tomorrow_in_china_and_no_later_date():
    assert Watermark.before("20261202", now=NOW).floor == "20261201"
    with pytest.raises(COSInventoryConfigurationError, match="the watcher begins then") as raised:
        Watermark.before("20261203", now=NOW)
    assert raised.value.parameter == "since"


def test_floor_after_today_heals_to_yesterday():
    mark = Watermark(floor="20990131", announced=("20990201", "20990202")).healed(NOW)
    assert mark == Watermark(floor="20261129")
    assert mark.is_new("20261130")


def test_announced_dates_to_come_are_forgotten_and_others_kept():
    mark = Watermark(floor="20261101", announced=("20261128", "20261202", "20261203", "20990101"))
    assert mark.healed(NOW) == Watermark(floor="20261101", announced=("20261128", "20261202"))


@pytest.mark.parametrize("floor", ["", "20261129", "20261201"])
def test_sound_watermark_stays_as_it_is(floor):
    mark = Watermark(floor=floor, announced=("20261202",))
    assert mark.healed(NOW) == mark
