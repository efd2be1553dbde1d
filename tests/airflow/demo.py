# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.airflow.demo``: the scheduled example under real Airflow, against the emulator.

Starts the emulator with a bucket made of this Python's own library, starts Airflow, triggers
``cos_inventory_scheduled``, prints what came out of it and stops everything.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.airflow.deployment import AirflowDeployment, DeploymentError
from tests.airflow.processes import ProcessDiedError, ProcessSet
from tests.airflow.rest import FINISHED, AirflowRestError, DagRunError

ROOT = Path(__file__).parents[2]
DAG_ID = "cos_inventory_scheduled"
BUCKET = "python-1250000000"
DESTINATION = "inventory-1250000000"
DELIVERY_SECONDS = 3
EMULATOR_TIMEOUT = 60.0
RUN_TIMEOUT = 150.0
SUMMARY_ROWS = 15
SHOWN_STATES = {
    "running": "running",
    "deferred": "deferred, no worker is held",
    "up_for_retry": "failed, will be tried again",
    "success": "success",
    "failed": "failed",
}


class Demo:
    """Prints each step with the seconds since the start."""

    def __init__(self, *, home: Path, console: Console) -> None:
        self.home = home
        self.console = console
        self.began = time.monotonic()

    def run(self) -> None:
        """The whole demo; raises what went wrong after everything was stopped."""
        seed = Path(sysconfig.get_path("stdlib"))
        with ProcessSet(log_folder=self.home / "emulator") as servers:
            self.step(f"Starting a local COS with bucket [bold]{BUCKET}[/] made of {escape(str(seed))}")
            ready = self.start_emulator(servers, seed)
            self.step(f"It listens on {ready['url']}. Starting Airflow in {escape(str(self.home))}")
            connection = ready["connection"]
            deployment = AirflowDeployment(
                home=self.home,
                dags_folder=ROOT / "dags_examples",
                environment={
                    "AIRFLOW_CONN_COS_DEFAULT": connection if isinstance(connection, str) else json.dumps(connection),
                    # Nothing but the run that is triggered here: no daily run beside it.
                    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
                },
            )
            with deployment:
                self.step(f"Airflow is up on {deployment.url}")
                self.run_dag(deployment)
                self.step("Stopping everything")
        self.step("Everything is stopped")
        self.look_next()

    def start_emulator(self, servers: ProcessSet, seed: Path) -> dict[str, Any]:
        """Start the emulator and return what its ready file says: ``url`` and ``connection``."""
        ready_file = self.home / "emulator" / "ready.json"
        ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "airflow_provider_cosinv.emulator", "--port", "0"]
        command += ["--seed-dir", str(seed), "--seed-bucket", BUCKET, "--bucket", DESTINATION]
        command += ["--deliver", f"seconds:{DELIVERY_SECONDS}", "--ready-file", str(ready_file)]
        servers.start("emulator", command, environment=os.environ, folder=ROOT)
        deadline = time.monotonic() + EMULATOR_TIMEOUT
        while time.monotonic() < deadline:
            servers.check()
            try:
                ready: dict[str, Any] = json.loads(ready_file.read_text())
            except (FileNotFoundError, ValueError):
                time.sleep(0.1)
            else:
                return ready
        raise DeploymentError(f"the emulator is not ready after {EMULATOR_TIMEOUT:g} s.\n{servers.tail('emulator')}")

    def run_dag(self, deployment: AirflowDeployment) -> None:
        """Trigger the example, follow it and show its results."""
        client = deployment.client
        deployment.wait_for_dag(DAG_ID)
        for run in client.dag_runs(DAG_ID):
            if run["state"] not in FINISHED:  # of a demo that was interrupted
                client.set_dag_run_state(DAG_ID, run["dag_run_id"], "failed")
        client.unpause(DAG_ID)
        conf = {"bucket": BUCKET, "destination_bucket": DESTINATION}
        run_id = client.trigger_dag_run(DAG_ID, conf=conf)
        self.step(f"Triggered DAG [bold]{DAG_ID}[/], run {escape(run_id)}")
        self.follow(deployment, run_id)
        client.wait_for_dag_run(DAG_ID, run_id, timeout=1.0)
        job = client.xcom(DAG_ID, run_id, "submit")
        manifest = client.xcom(DAG_ID, run_id, "wait")
        self.step(f"JobId [bold]{escape(str(job['job_id']))}[/], inventory id {escape(job['inventory_id'])}")
        self.step(f"Manifest [bold]{escape(manifest['manifest_key'])}[/] in {DESTINATION}")
        self.step(
            f"It lists {manifest['listed_objects']:,} objects, {size(manifest['listed_bytes'])},"
            f" in {len(manifest['files'])} data file(s)"
        )
        rows = client.xcom(DAG_ID, run_id, "summarise")
        shown = f", the {SUMMARY_ROWS} largest of {len(rows)} groups" if len(rows) > SUMMARY_ROWS else ""
        self.step(f"Objects by storage class and top-level prefix{shown}:")
        self.console.print(summary_table(rows[:SUMMARY_ROWS]))

    def follow(self, deployment: AirflowDeployment, run_id: str) -> None:
        """Print each change of a task's state until the run has ended or its time is over."""
        client = deployment.client
        seen: dict[str, str] = {}
        deadline = time.monotonic() + RUN_TIMEOUT
        while time.monotonic() < deadline:
            deployment.processes.check()
            finished = client.dag_run(DAG_ID, run_id)["state"] in FINISHED
            for task in sorted(client.task_instances(DAG_ID, run_id), key=lambda task: task["start_date"] or "~"):
                name, state = task["task_id"], task["state"]
                if state in SHOWN_STATES and seen.get(name) != state:
                    seen[name] = state
                    self.step(f"  {name}: {SHOWN_STATES[state]}")
            if finished:
                return
            time.sleep(0.25)

    def step(self, text: str) -> None:
        """One line of progress."""
        self.console.print(f"[dim]{time.monotonic() - self.began:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    def look_next(self) -> None:
        """Where to go from here."""
        for what, where in (
            ("The DAG that ran", ROOT / "dags_examples" / f"{DAG_ID}.py"),
            ("Its tasks' logs", self.home / "logs" / f"dag_id={DAG_ID}"),
            ("Logs of Airflow and of the emulator", f"{self.home / 'components'}, {self.home / 'emulator'}"),
            ("How to use it with your own bucket", ROOT / "README.md"),
        ):
            self.console.print(f"          {what}: {escape(str(where))}", highlight=False, soft_wrap=True)


def summary_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows of the summary as a table."""
    table = Table()
    table.add_column("Storage class")
    table.add_column("Prefix")
    table.add_column("Objects", justify="right")
    table.add_column("Size", justify="right")
    for row in rows:
        cells = (str(row["storage_class"]), str(row["prefix"]), f"{row['objects']:,}", size(row["bytes"]))
        table.add_row(*map(escape, cells))
    return table


def size(amount: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; the exit code is 0, 1 with the reason printed, or 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.airflow.demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".demo", help="kept, so that the next run is faster")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    console = Console()
    try:
        Demo(home=arguments.home.absolute(), console=console).run()
    except KeyboardInterrupt:
        console.print("Interrupted; everything is stopped.")
        return 130
    except (DeploymentError, ProcessDiedError, DagRunError, AirflowRestError) as error:
        Console(stderr=True).print(f"The demo failed: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
