# SPDX-License-Identifier: Apache-2.0
"""
Defers the tasks of a run, as their workers would have: 2,000 workers would take an hour to do it.

``python -m benchmarks.waiting.defer_all DAG RUN INTERVAL``, in the environment of Airflow's components.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, timezone

from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from airflow_provider_cosinv.inventory.report.search import ReportSearch
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from benchmarks.waiting.case import DESTINATION
from benchmarks.waiting.ways import DATE, prefix

_TIMEOUT = 6 * 3600.0


def main() -> None:
    """Defer them."""
    dag_id, run_id, interval = sys.argv[1], sys.argv[2], float(sys.argv[3])
    now = datetime.now(timezone.utc)
    with create_session() as session:
        tasks = session.scalars(
            select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        )
        for number, task in enumerate(tasks):
            search = ReportSearch(bucket=DESTINATION, region="ap-guangzhou", prefixes=(prefix(number),), dates=(DATE,))
            row = Trigger.from_object(
                COSInventoryTrigger(
                    search=search.as_dict(),
                    cos_conn_id="cos_default",
                    poke_interval=interval,
                    deadline=time.time() + _TIMEOUT,
                    # Older than an interval: as after a restart.
                    timeout=_TIMEOUT + 2 * interval,
                    max_poke_interval=interval,
                    last_seen="not there yet",
                )
            )
            session.add(row)
            session.flush()
            task.trigger_id = row.id
            task.trigger_timeout = now + timedelta(seconds=_TIMEOUT)
            task.start_date = now
            task.next_method = "execute_complete"
            task.next_kwargs = {}
            task.state = TaskInstanceState.DEFERRED


if __name__ == "__main__":
    main()
