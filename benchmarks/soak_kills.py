# SPDX-License-Identifier: Apache-2.0
"""Kills running tasks during the soak, some with their supervisor, and once the triggerer."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.airflow.deployment import AirflowDeployment, TaskProcess

_MOST_OF_ONE_TASK = 3
_WITH_SUPERVISOR = 4  # every fourth
# A stopped process that had just told its end is known to Airflow as ended by then.
_SETTLING = 0.5


class Killer:
    """
    Kills so many tasks, spread over the run by its progress.

    Which tasks run at that moment is up to the machine: here the seed gives the progress and the choice only.

    A submission that COS has accepted and whose task still runs goes first: its JobId may be known to nobody.

    :param deployment: that runs the tasks
    :param dag_id: of the tasks
    :param run_id: of the tasks
    :param kills: how many
    :param seed: of the choice
    :param is_accepted: whether COS has accepted what a running task submits
    """

    def __init__(
        self,
        *,
        deployment: AirflowDeployment,
        dag_id: str,
        run_id: str,
        kills: int,
        seed: int,
        is_accepted: Callable[[TaskProcess], bool],
    ) -> None:
        self._deployment = deployment
        self._dag_id = dag_id
        self._run_id = run_id
        self._is_accepted = is_accepted
        self._rng = random.Random(f"{seed} kills")
        self._due = sorted(self._rng.uniform(0.01, 0.9) for _ in range(kills))
        self._victims: Counter[tuple[str, int]] = Counter()
        self.killed: Counter[str] = Counter()
        self.killed_with_supervisor = 0
        self.killed_after_acceptance = 0
        self.triggerer_restarts = 0

    @property
    def kills(self) -> int:
        """Tasks that were killed, with their supervisor or without."""
        return sum(self.killed.values())

    def go_on(self, progress: float) -> None:
        """Kill one task if one is due; `progress` is the share of task instances that have succeeded."""
        if self.kills >= len(self._due) or progress < self._due[self.kills]:
            return
        running = self._deployment.task_processes(self._dag_id, self._run_id)
        running = [task for task in running if self._victims[task.task_id, task.map_index] < _MOST_OF_ONE_TASK]
        if not running:
            return
        accepted = [task for task in running if self._is_accepted(task)]
        victim = self._rng.choice(accepted or running)
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended in the meantime: another one next time
            with_supervisor = self.kills % _WITH_SUPERVISOR == 0
            if with_supervisor and not self._kill_with_supervisor(victim):
                return
            if not with_supervisor:
                victim.kill()
            self.killed_with_supervisor += with_supervisor
            self.killed_after_acceptance += bool(accepted)
            self.killed[victim.task_id] += 1
            self._victims[victim.task_id, victim.map_index] += 1

    def restart_triggerer(self) -> None:
        """Kill the triggerer and start it again."""
        self._deployment.kill("triggerer")
        self._deployment.start("triggerer")
        self.triggerer_restarts += 1

    def _kill_with_supervisor(self, task: TaskProcess) -> bool:
        """
        Kill a task and the executor's worker above it, if the task still runs.

        A worker that is killed between two tasks takes the lock of the executor's queue with it, and one that is
        killed after its task has ended keeps its slot for ever: both would stop Airflow, not this package.
        """
        task.process.suspend()
        try:
            time.sleep(_SETTLING)
            known = self._deployment.client.task_instance(
                task.dag_id, task.run_id, task.task_id, map_index=task.map_index
            )
            if (known["state"], known["try_number"]) != ("running", task.try_number):
                return False
            task.kill_with_supervisor()
            return True
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                task.process.resume()
