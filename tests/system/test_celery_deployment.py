# SPDX-License-Identifier: Apache-2.0
"""The deployment itself."""

from __future__ import annotations

import psutil

from tests.system.conftest import WORKERS


def test_two_workers_run_and_nothing_listens_beyond_this_machine(celery_airflow):
    assert all(celery_airflow.processes.tree(name) for name in WORKERS)
    listening = {
        connection.laddr.ip
        for process in celery_airflow.processes.members()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
