# SPDX-License-Identifier: Apache-2.0
"""Which errors Airflow shall not retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTimeoutError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, AirflowSensorTimeout


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
