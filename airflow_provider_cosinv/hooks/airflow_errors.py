# SPDX-License-Identifier: Apache-2.0
"""Airflow's exceptions, which 3.2 moved to the task SDK, and which of this package's become them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTimeoutError,
)

try:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferralTimeout,
        TaskDeferred,
    )
except ImportError:
    from airflow.exceptions import (  # type: ignore[no-redef,attr-defined]
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferralTimeout,
        TaskDeferred,
    )

__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "TaskDeferralTimeout",
    "TaskDeferred",
    "failing_fast",
]


@contextmanager
def failing_fast() -> Iterator[None]:
    """
    Turn an error that a retry cannot heal into one that Airflow does not retry; the original stays its cause.

    It stands around the whole of ``execute``, outside a sensor's ``soft_fail``: a wrong parameter or a missing
    permission must not look like a report that is late. A wait that took its whole time is not begun again either,
    as Airflow does with its own sensors.
    """
    try:
        yield
    except AirflowSensorTimeout:
        raise
    except (COSInventoryConfigurationError, COSInventoryRequestError, COSInventoryTimeoutError) as error:
        raise AirflowFailException(str(error)) from error
