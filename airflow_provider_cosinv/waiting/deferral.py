# SPDX-License-Identifier: Apache-2.0
"""The wait of a task for a report: it polls on a worker, hands over to the triggerer, and goes on afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_cosinv.exceptions import COSInventoryTimeoutError, COSInventoryTransientError
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.waiting.outcome import TRIGGERER_MARGIN, look_once, manifest_of, not_in_time
from airflow_provider_cosinv.waiting.progress import StateLog

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook


@dataclass(frozen=True, kw_only=True)
class Wait:
    """
    The wait of a task for a report.

    :param hook: hook of the report's region
    :param states: log of this wait, which knows what is searched for
    :param poll_interval: seconds between two polls at least
    :param timeout: seconds of the whole wait
    """

    hook: COSInventoryHook
    states: StateLog
    poll_interval: float
    timeout: float

    def poll(self) -> Manifest | None:
        """Poll once; return the manifest, or None if polling again makes sense."""
        return look_once(self.hook, self.states, poll_interval=self.poll_interval)

    def defer(self, task: BaseOperator, trigger: BaseTrigger, *, deadline: float) -> NoReturn:
        """
        Let the triggerer go on; the task resumes in its ``execute_complete``.

        :param task: the operator or sensor that waits
        :param trigger: trigger that waits in its place
        :param deadline: Unix time, in seconds
        :raises COSInventoryTimeoutError: if the deadline is over. Otherwise the wait could go to and fro for ever: the
            triggerer sees the report, the worker cannot read it
        """
        left = deadline - time.time()
        if left <= 0:
            raise self.not_in_time()
        task.defer(
            trigger=trigger,
            method_name="execute_complete",
            timeout=timedelta(seconds=left) + TRIGGERER_MARGIN,
        )

    def manifest_of(self, event: Mapping[str, Any]) -> Manifest | None:
        """
        Return the manifest that the triggerer found; None if it cannot be read now, so that polling makes sense.

        :param event: event of the trigger
        :raises COSInventoryError: the trigger's own, or that of a damaged manifest
        """
        try:
            return manifest_of(event, self.hook, self.states.search)
        except COSInventoryTransientError as error:
            self.states.failed(error)
            return None

    def not_in_time(self, timeout: float | None = None) -> COSInventoryTimeoutError:
        """
        Return the error of a wait whose time is over.

        :param timeout: seconds that were waited; default: those of the wait
        """
        return not_in_time(self.states.search, timeout=timeout or self.timeout, last=self.states.last)
