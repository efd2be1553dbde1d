# SPDX-License-Identifier: Apache-2.0
"""
What Airflow 3.1.0 lacks for tests that start a trigger themselves.

Its look-up of a connection in an event loop wants the supervisor of a triggerer to be there, also where an environment
variable holds the connection. Later releases do without.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, NoReturn


class Nobody:
    """Stands for the supervisor: it knows no connection."""

    async def asend(self, asked: Any) -> NoReturn:
        """Say so."""
        from airflow.exceptions import AirflowNotFoundException

        raise AirflowNotFoundException(f"The conn_id `{asked.conn_id}` isn't defined")


def let_triggers_look_up_connections() -> None:
    """Put somebody in the supervisor's place, for as long as a look-up in an event loop takes."""
    if version("apache-airflow-core") != "3.1.0":
        return
    from airflow.sdk.execution_time import context, task_runner

    look_up: Any = context._async_get_connection

    async def looked_up(conn_id: str) -> Any:
        # Not for longer: where somebody is there, a look-up without an event loop asks them alone.
        task_runner.SUPERVISOR_COMMS = Nobody()  # type: ignore[assignment]  # not the real one
        try:
            return await look_up(conn_id)
        finally:
            vars(task_runner).pop("SUPERVISOR_COMMS", None)

    context._async_get_connection = looked_up
