# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.watermark import REMEMBERED, Watermark


def test_a_date_is_new_once():
    mark = Watermark()
    assert mark.is_new("20261101")
    assert not mark.with_announced(["20261101"]).is_new("20261101")


def test_a_report_that_is_late_is_still_new():
    mark = Watermark().with_announced(["20261103"])
    assert mark.is_new("20261102")


def test_since_a_date_means_that_date_too():
    mark = Watermark.before("20260301")
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
    "text", ["", "no", "[]", "{}", '{"floor": 1, "announced": []}', '{"floor": "", "announced": ["x"]}']
)
def test_anything_else_is_an_error_that_says_what_to_do(text):
    with pytest.raises(COSInventoryConfigurationError, match="Delete the Variable") as raised:
        Watermark.from_json(text, parameter="Variable x")
    assert raised.value.parameter == "Variable x"


def test_a_wrong_since_is_named():
    with pytest.raises(COSInventoryConfigurationError) as raised:
        Watermark.before("2026-03-01")
    assert raised.value.parameter == "since"
