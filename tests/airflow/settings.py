# SPDX-License-Identifier: Apache-2.0
"""The environment of a local Airflow's processes: Airflow's settings and little else."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

INHERITED = (
    "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOGNAME", "PYTHONPATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
)  # fmt: skip
"""What children may see of the caller's environment: no AIRFLOW__ setting, no proxy, no credential."""

QUICK = {
    # A task's supervisor can miss the end of its task and then sleeps for this long (5 s by default). Until it
    # wakes, the executor holds the task: slow, and a deferred task that resumes in that time is failed by the
    # scheduler ("finished with state success, but the task instance's state attribute is queued",
    # apache/airflow#66374). Seconds, a whole number; 0 would make it spin.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    # Components do not look through the migrations at start: the deployment migrates before.
    "DATABASE__CHECK_MIGRATIONS": "False",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # Time-outs of deferred tasks are noticed within a second, dead components within 15.
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}

PATIENT = {
    # Slow machines: a request to the API server may wait for SQLite's lock.
    "WORKERS__EXECUTION_API_TIMEOUT": "30",
}


def component_environment(
    *,
    home: Path,
    dags_folder: Path,
    port: int,
    database_url: str,
    executor: str,
    parallelism: int,
    secret: str,
    extra: Mapping[str, str],
) -> dict[str, str]:
    """All environment variables of a component.

    :param port: of the API server, on 127.0.0.1.
    :param secret: what components sign their tokens with; the same for all of them.
    :param extra: whole names (``AIRFLOW_CONN_COS_DEFAULT``, ``AIRFLOW__API__WORKERS``) that win over the rest.
    """
    url = f"http://127.0.0.1:{port}"
    airflow = {
        **QUICK,
        **PATIENT,
        "CORE__DAGS_FOLDER": str(dags_folder),
        "CORE__EXECUTOR": executor,
        "CORE__PARALLELISM": str(parallelism),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secret,
        "API__EXPOSE_STACKTRACE": "True",
        "API_AUTH__JWT_SECRET": secret,
        "DATABASE__SQL_ALCHEMY_CONN": database_url,
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        **extra,
    }
