# SPDX-License-Identifier: Apache-2.0
"""
``python -m tests.matrix.example``: example DAGs by ``dag.test()``, with the Airflow of this environment.

They run against the emulator, and what they wrote is looked for there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import import_module

from airflow_provider_cosinv.emulator import COSEmulator, Delivery, EmulatorSettings
from tests.matrix.releases import ROOT

SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"
EXAMPLES = ("cos_inventory_scheduled", "cos_inventory_parquet")


def main() -> None:
    """
    Run the examples, one after the other, each to its end.

    :raises SystemExit: where a task did not succeed, or the Parquet is not there
    """
    # Late enough for the wait to be deferred; three rows in a data file, so that there are files to map over.
    settings = EmulatorSettings(post_rate=0, delivery=Delivery(polls=3), rows_per_file=3)
    with tempfile.TemporaryDirectory(prefix="matrix-") as home, COSEmulator(settings=settings) as cos:
        cos.create_bucket(SOURCE)
        cos.create_bucket(DESTINATION)
        for number in range(10):
            cos.put_object(SOURCE, f"logs/{number}.txt", b"x" * number)
        # Airflow reads its settings when it is imported: they are set before that.
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_COS_DEFAULT": cos.connection_json,
        }
        # dag.test() of Airflow 3.1 takes only a DAG that is serialized.
        for command in ("db migrate", "dags reserialize"):
            subprocess.run([sys.executable, "-m", "airflow", *command.split()], check=True)
        sys.path.insert(0, str(ROOT / "dags_examples"))
        for name in EXAMPLES:
            _run(name)
        parquet = [key for key in cos.keys(DESTINATION) if key.endswith(".parquet")]
        if len(parquet) != 4:
            raise SystemExit(f"10 rows in files of 3 make 4 parts; found: {parquet}")
    print(f"All tasks of {' and '.join(EXAMPLES)} succeeded.")  # noqa: T201  a command


def _run(name: str) -> None:
    dag = getattr(import_module(name), name)()
    run = dag.test()
    states = {f"{task.task_id}[{task.map_index}]": str(task.state) for task in run.get_task_instances()}
    if run.state != "success" or set(states.values()) != {"success"}:
        raise SystemExit(f"{name} ended as {run.state}: {states}")


if __name__ == "__main__":
    main()
