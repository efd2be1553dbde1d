# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_cosinv.waiting.interval import interval_at

MINUTE, HOUR = 60, 3600


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, 60), (-5, 60), (20 * MINUTE, 60), (HOUR, 180), (2 * HOUR, 360), (24 * HOUR, 600)]
)
def test_it_grows_with_the_age_of_the_wait_from_the_floor_to_ten_minutes(age, seconds):
    assert interval_at(age, floor=60) == seconds


def test_it_is_ten_times_the_floor_at_most():
    assert interval_at(24 * HOUR, floor=5) == 50


def test_a_floor_above_ten_minutes_is_kept():
    assert {interval_at(age, floor=HOUR) for age in (0, HOUR, 48 * HOUR)} == {HOUR}


def test_a_cap_of_the_users_own_counts_instead():
    assert interval_at(24 * HOUR, floor=60, cap=90) == 90
    assert interval_at(24 * HOUR, floor=60, cap=HOUR) == HOUR
    assert interval_at(24 * HOUR, floor=60, cap=10) == 60
