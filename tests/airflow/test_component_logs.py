# SPDX-License-Identifier: Apache-2.0
"""What a component's log must not hold is found there, as Airflow writes it."""

from __future__ import annotations

import pytest

from tests.airflow.component_logs import troubles


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-31T00:00:00.000000Z [warning  ] Slow answer [airflow_provider_cosinv.cos.async_client] loc=aio.py:1",
        "2026-01-31T00:00:00.000000Z [error    ] Poll failed [airflow_provider_cosinv.triggers.cos_inventory]",
        "2026-01-31T00:00:00.000000Z [warning  ] old [py.warnings] filename=/x/airflow_provider_cosinv/job.py lineno=1",
        "Traceback (most recent call last):",
    ],
)
def test_a_warning_of_ours_and_a_traceback_are_troubles(line):
    assert troubles(["2026-01-31T00:00:00.000000Z [info     ] Starting", line]) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-31T00:00:00.000000Z [info     ] Report ready [airflow_provider_cosinv.sensors.cos_inventory]",
        "2026-01-31T00:00:00.000000Z [warning  ] httpx is deprecated [py.warnings] filename=/x/starlette/testclient.py",
    ],
)
def test_what_we_say_in_passing_and_what_others_warn_of_are_none(line):
    assert troubles([line]) == []
