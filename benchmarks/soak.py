# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.soak``: many inventories at once under a random mix of faults; each exactly once, each verified.

A real Airflow (API server, scheduler, DAG processor, triggerer, LocalExecutor, SQLite) submits, waits and reads in
mapped tasks. COS, which is the emulator, fails as :mod:`benchmarks.soak_faults` plans; running tasks are killed with
SIGKILL, and so is the triggerer. The exit code is 1 where an inventory is lost, doubled or wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery as EmulatorDelivery
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from benchmarks.soak_delivery import Delivery
from benchmarks.soak_faults import CLIENT_TIMEOUT, DESTINATION, KINDS, LATE, InventoryPlan, plan_soak
from benchmarks.soak_kills import Killer
from benchmarks.soak_verdict import Outcome, Verdict
from tests.airflow.deployment import AirflowDeployment, DeploymentError, TaskProcess
from tests.airflow.processes import ProcessDiedError
from tests.airflow.rest import FINISHED, JSON, AirflowClient, AirflowRestError

DAG_ID = "cos_inventory_soak"
DAGS = Path(__file__).parent / "soak_dags"
TASKS = ("submit", "wait", "read")
MOST_INVENTORIES = 1000  # Airflow maps a task over at most 1,024

# Most of a submission is waiting between tries: more than the cores can be at it at once.
_PARALLELISM = 6
_NEVER = 1e9
_TICK = 1.0
# The waits are well under way, and many of them lie with the triggerer.
_TRIGGERER_DUE = 0.45


class SoakTimeoutError(RuntimeError):
    """The soak did not end in time; the message says what is still open."""


def soak(*, inventories: int, seed: int, kills: int, limit: float, home: Path, console: Console) -> Verdict:
    """
    Run the soak.

    :param inventories: how many
    :param seed: of faults, objects and kills
    :param kills: how many running tasks are killed
    :param limit: seconds for the run of the DAG
    :param home: an empty folder for Airflow
    :param console: for the progress
    :raises SoakTimeoutError: where it takes longer
    """
    plans = plan_soak(inventories=inventories, seed=seed)
    settings = EmulatorSettings(delivery=EmulatorDelivery(seconds=_NEVER), rows_per_file=6)
    with COSEmulator(settings=settings) as cos:
        fill(cos, plans)
        connection = cos.connection
        connection["extra"]["timeout"] = CLIENT_TIMEOUT
        airflow = AirflowDeployment(
            home=home,
            dags_folder=DAGS,
            environment={"AIRFLOW_CONN_COS_DEFAULT": json.dumps(connection)},
            parallelism=_PARALLELISM,
        )
        with airflow, Delivery(cos=cos, plans=plans) as delivery:
            console.print(f"Airflow is up on {airflow.url}; its home is {home}", highlight=False, soft_wrap=True)
            airflow.wait_for_dag(DAG_ID)
            airflow.client.unpause(DAG_ID)
            conf = {"buckets": [plan.bucket for plan in plans], "destination_bucket": DESTINATION}
            began = time.monotonic()
            run_id = airflow.client.trigger_dag_run(DAG_ID, conf=conf)

            def is_accepted(task: TaskProcess) -> bool:
                return task.task_id == "submit" and cos.accepted_posts(plans[task.map_index].bucket) > 0

            killer = Killer(
                deployment=airflow, dag_id=DAG_ID, run_id=run_id, kills=kills, seed=seed, is_accepted=is_accepted
            )
            _follow(airflow, run_id, delivery, killer, deadline=began + limit, expected=inventories, console=console)
            seconds = time.monotonic() - began
            tasks = airflow.client.task_instances(DAG_ID, run_id)
            return Verdict(
                outcomes=_outcomes(cos, airflow.client, run_id, plans, tasks),
                task_instances=tasks,
                killed=killer.killed,
                killed_with_supervisor=killer.killed_with_supervisor,
                killed_after_acceptance=killer.killed_after_acceptance,
                triggerer_restarts=killer.triggerer_restarts,
                faults=happened(cos, plans, late=delivery.late),
                posts=cos.faults()[0]["seen"],
                seconds=seconds,
            )


def fill(cos: COSEmulator, plans: Sequence[InventoryPlan]) -> None:
    """Make the buckets, and put the planned faults in force, behind one that only counts POSTs."""
    cos.fault(method="POST", action="PostBucketInventory", times=0)
    cos.create_bucket(DESTINATION)
    for plan in plans:
        cos.create_bucket(plan.bucket)
        for one in plan.objects:
            cos.put_object(plan.bucket, one.key, b"x" * one.size, storage_class=one.storage_class)
        for fault in plan.faults:
            cos.fault(**fault.parameters)


def _follow(
    airflow: AirflowDeployment,
    run_id: str,
    delivery: Delivery,
    killer: Killer,
    *,
    deadline: float,
    expected: int,
    console: Console,
) -> None:
    """Watch the run to its end, and kill what is to be killed."""
    client = airflow.client
    told = 0.0
    while client.dag_run(DAG_ID, run_id)["state"] not in FINISHED:
        airflow.processes.check()
        delivery.check()
        done = _count(client, run_id, "success")
        progress = done / (expected * len(TASKS) + 1)
        if time.monotonic() > deadline:
            raise SoakTimeoutError(f"The time is over. Still open: {_still_open(client, run_id)}")
        if progress >= told:
            told += 0.1
            console.print(f"{done} tasks done, {killer.kills} killed", highlight=False)
        killer.go_on(progress)
        if progress >= _TRIGGERER_DUE and not killer.triggerer_restarts and _count(client, run_id, "deferred"):
            killer.restart_triggerer()
        time.sleep(_TICK)


def _count(client: AirflowClient, run_id: str, state: str) -> int:
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances"
    return int(client.request("GET", path, state=state, limit=1)["total_entries"])


def _still_open(client: AirflowClient, run_id: str) -> str:
    tasks = client.task_instances(DAG_ID, run_id)
    return ", ".join(
        # A task that was not mapped yet has the index -1: all of its instances are open.
        f"{task['task_id']}[{task['map_index']}] {task['state'] or 'not begun'}, attempt {task['try_number']}"
        for task in tasks
        if task["state"] != "success"
    )


def _outcomes(
    cos: COSEmulator, client: AirflowClient, run_id: str, plans: Sequence[InventoryPlan], tasks: Sequence[JSON]
) -> list[Outcome]:
    jobs = cos.jobs()
    states = {(task["task_id"], task["map_index"]): task["state"] for task in tasks}

    def result(task_id: str, index: int) -> Any:
        try:
            return client.xcom(DAG_ID, run_id, task_id, map_index=index)
        except AirflowRestError:
            return None

    return [
        Outcome(
            plan=plan,
            jobs=[job for job in jobs if job["bucket"] == plan.bucket],
            submitted=result("submit", index),
            manifest=result("wait", index),
            rows=result("read", index),
            states={task_id: states.get((task_id, index)) for task_id in TASKS},
        )
        for index, plan in enumerate(plans)
    ]


def happened(cos: COSEmulator, plans: Sequence[InventoryPlan], *, late: int) -> dict[str, int]:
    """Return how often each kind of fault happened; a late report is none of the emulator's."""
    happened = Counter({LATE: late})
    planned = [fault.kind for plan in plans for fault in plan.faults]
    for kind, row in zip(planned, cos.faults()[1:], strict=True):
        happened[kind] += row["happened"]
    return {kind: happened[kind] for kind in KINDS}


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end the soak as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the soak and print its figures; the exit code is 0, or 1 with the reasons, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inventories", type=int, default=200, metavar="N", help="1 to 1,000 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the faults (default: %(default)s)")
    parser.add_argument("--kills", type=int, metavar="N", help="of running tasks (default: one per 5 inventories)")
    parser.add_argument("--minutes", type=float, default=30, help="for the run, at most (default: %(default)s)")
    options = parser.parse_args()
    if not 1 <= options.inventories <= MOST_INVENTORIES:
        parser.error(f"--inventories is {options.inventories}; give 1 to {MOST_INVENTORIES}.")
    kills = options.inventories // 5 if options.kills is None else options.kills
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    home = Path(tempfile.mkdtemp(prefix="cosinv-soak-"))
    try:
        verdict = soak(
            inventories=options.inventories,
            seed=options.seed,
            kills=kills,
            limit=options.minutes * 60,
            home=home,
            console=console,
        )
    except KeyboardInterrupt:
        shutil.rmtree(home)
        console.print("Interrupted; everything is stopped.")
        return 130
    except (DeploymentError, ProcessDiedError, AirflowRestError, SoakTimeoutError) as error:
        console.print(f"The soak failed: {error}\nLogs: {home}", markup=False, highlight=False, soft_wrap=True)
        return 1
    console.print(verdict.table())
    wrong = verdict.wrong()
    if wrong:
        console.print("\n".join(["Wrong:", *wrong, f"Logs: {home}"]), markup=False, highlight=False, soft_wrap=True)
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
