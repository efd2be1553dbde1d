# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import time

import pytest
from tenacity import RetryCallState, Retrying

from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.exceptions import (
    COSInventoryPermissionError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)


def waits(policy, tries):
    """The seconds before the second try, the third, and so on, drawn once."""
    retrying = Retrying(**policy.arguments())
    state = RetryCallState(retrying, None, (), {})
    drawn = []
    for number in range(1, tries + 1):
        state.attempt_number = number
        drawn.append(policy.arguments()["wait"](state))
    return drawn


def test_waits_grow_to_a_limit_and_differ_from_caller_to_caller():
    policy = RetryPolicy(first_wait=1, max_wait=20)
    drawn = [waits(policy, 9) for _ in range(200)]
    for number in range(9):
        seconds = [each[number] for each in drawn]
        assert max(seconds) <= min(20, 2**number)
        assert len(set(seconds)) > 150
    assert max(each[8] for each in drawn) > 10


def run(policy, error):
    tries = []

    def fail():
        tries.append(time.monotonic())
        raise error

    with pytest.raises(type(error)):
        Retrying(**policy.arguments())(fail)
    return len(tries)


@pytest.mark.parametrize(
    ("error", "tries"),
    [(COSInventoryTransientError("x"), 3), (COSInventoryThrottledError("x"), 6), (COSInventoryPermissionError("x"), 1),
     (ValueError("x"), 1)],
)  # fmt: skip
def test_tries_are_counted_by_the_kind_of_error(error, tries):
    assert run(RetryPolicy(attempts=3, throttled_attempts=6, first_wait=0.001, max_wait=0.001), error) == tries


def test_each_further_try_is_told_with_its_reason(caplog):
    with caplog.at_level(logging.INFO):
        run(RetryPolicy(attempts=3, first_wait=0.001, max_wait=0.001), COSInventoryTransientError("It broke."))
    assert [record.getMessage().partition(" in ")[0] for record in caplog.records] == ["Try 2", "Try 3"]
    assert all("It broke." in record.getMessage() for record in caplog.records)
