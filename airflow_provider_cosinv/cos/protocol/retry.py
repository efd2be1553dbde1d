# SPDX-License-Identifier: Apache-2.0
"""When a request is sent again: one policy for the sync and the async half."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from tenacity import RetryCallState, retry_if_exception_type, wait_random_exponential

from airflow_provider_cosinv.exceptions import COSInventoryThrottledError, COSInventoryTransientError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """
    How often and how patiently a request is sent again.

    Waits double from one try to the next, and the moment is drawn at random below that: many tasks that were turned
    away together do not come back together.

    :param attempts: tries of a request that fails for a transient reason
    :param throttled_attempts: tries while COS asks to slow down: that heals by waiting, and a bucket takes only one
        one-time inventory a second
    :param slow_attempts: tries of a request whose answer comes too slowly, each of which takes long
    :param first_wait: seconds, at most, before the second try
    :param max_wait: seconds, at most, before any try
    """

    attempts: int = 5
    throttled_attempts: int = 10
    slow_attempts: int = 2
    first_wait: float = 1.0
    max_wait: float = 20.0

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of tenacity's ``Retrying`` and ``AsyncRetrying``."""
        return {
            "retry": retry_if_exception_type(COSInventoryTransientError),
            "stop": self._is_enough,
            "wait": wait_random_exponential(multiplier=self.first_wait, max=self.max_wait, min=self.first_wait / 4),
            "before_sleep": _tell,
            "reraise": True,
        }

    def _is_enough(self, state: RetryCallState) -> bool:
        # Imported by DAG files, which need no client.
        from airflow_provider_cosinv.cos.network.errors import was_slow

        error, attempts = _error_of(state), self.attempts
        if isinstance(error, COSInventoryThrottledError):
            attempts = self.throttled_attempts
        elif error is not None and was_slow(error):
            attempts = self.slow_attempts
        return state.attempt_number >= attempts


#: For polling: retry a lost packet at once; leave throttling to the next poll.
POLLING_POLICY = RetryPolicy(attempts=3, throttled_attempts=1, slow_attempts=1)


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _tell(state: RetryCallState) -> None:
    seconds = state.next_action.sleep if state.next_action else 0
    log.info("Try %s in %.1f s: %s", state.attempt_number + 1, seconds, _error_of(state))
