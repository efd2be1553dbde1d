# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from airflow.sdk.execution_time import task_runner

from tests.support.supervisor import Supervisor


@pytest.fixture
def supervisor(monkeypatch):
    """The other end of the triggerer, which keeps Airflow's Variables."""
    played = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", played, raising=False)
    return played
