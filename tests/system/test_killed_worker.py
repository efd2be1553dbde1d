# SPDX-License-Identifier: Apache-2.0
"""A report to Parquet on two Celery workers, one of which is killed half way: every row once, nothing left over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from tests.airflow.deployment import TaskProcess
from tests.airflow.wait import PATIENCE, wait_until
from tests.system.conftest import ROWS_PER_FILE, SLOTS, WORKERS

DAG = "cos_inventory_parquet"
SOURCE = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"
FILES = 40
PARTS = 10
OBJECTS = FILES * ROWS_PER_FILE - 1
HELD = 20.0
"""Seconds. By when Airflow knows that the dead are dead, the living go on."""

pytestmark = pytest.mark.timeout(900)  # a start of everything and a whole run


@dataclass(frozen=True)
class Run:
    """
    A run that has ended.

    :param done: how many parts were done when the worker was killed
    :param dead: what that worker was in the midst of
    :param manifest: of the report
    :param parts: what ``convert`` returned, by map index
    :param prefixes: what ``by_prefix`` returned
    """

    done: int
    dead: list[TaskProcess]
    run_id: str
    manifest: dict[str, Any]
    parts: list[dict[str, Any]]
    prefixes: list[dict[str, Any]]


def part_keys(cos: COSEmulator) -> list[str]:
    return [key for key in cos.keys(DESTINATION) if key.endswith(".parquet")]


@pytest.fixture(scope="module")
def run(celery_airflow, celery_cos):
    """A run in which a worker was killed when half of the parts were done and both workers wrote more."""
    airflow, cos = celery_airflow, celery_cos
    cos.create_bucket(SOURCE, objects=OBJECTS)
    cos.create_bucket(DESTINATION)
    # After the first half, COS takes a part, and takes its time to say so.
    cos.fault(action="PutObject", key=r"\.parquet$", nth=PARTS // 2 + 1, times=None, delay_after=HELD)
    run_id = airflow.start_dag_run(DAG)
    slots = len(WORKERS) * SLOTS
    wait_until(lambda: cos.faults()[0]["happened"] >= slots, what="all slots of both workers write a part")
    victim = airflow.processes.tree(WORKERS[0])
    doomed = [task for task in airflow.task_processes(DAG, run_id, "convert") if task.process in victim]
    airflow.kill(WORKERS[0])
    states = {
        task["map_index"]: task["state"]
        for task in airflow.client.task_instances(DAG, run_id)
        if task["task_id"] == "convert"
    }
    cos.clear_faults()
    airflow.client.wait_for_dag_run(DAG, run_id, timeout=PATIENCE)
    return Run(
        done=list(states.values()).count("success"),
        dead=[task for task in doomed if states[task.map_index] == "running"],
        run_id=run_id,
        manifest=airflow.client.xcom(DAG, run_id, "wait"),
        parts=[airflow.client.xcom(DAG, run_id, "convert", map_index=index) for index in range(PARTS)],
        prefixes=airflow.client.xcom(DAG, run_id, "by_prefix"),
    )


@pytest.fixture(scope="module")
def stored(run, celery_cos, tmp_path_factory):
    """The parts as files."""
    folder = tmp_path_factory.mktemp("parts")
    for number, key in enumerate(part_keys(celery_cos)):
        (folder / f"{number}.parquet").write_bytes(celery_cos.get_object(DESTINATION, key))
    return folder / "*.parquet"


def test_the_worker_died_half_way_and_another_wrote_its_parts(celery_airflow, run):
    assert PARTS // 2 <= run.done < PARTS
    assert run.dead
    for task in run.dead:
        again = celery_airflow.client.task_instance(DAG, run.run_id, "convert", map_index=task.map_index)
        assert (again["state"], again["try_number"]) == ("success", task.try_number + 1)


def test_each_data_file_is_in_exactly_one_part(run, stored):
    assert len(run.manifest["files"]) == FILES
    found = duckdb.execute(
        "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'cos_inventory'", [str(stored)]
    ).fetchall()
    assert len(found) == PARTS
    in_parts = Counter(file["key"] for file in run.manifest["files"] for (text,) in found if file["key"] in text)
    assert in_parts == Counter(file["key"] for file in run.manifest["files"])


def test_the_parts_hold_each_object_once(run, stored, celery_cos):
    keys = duckdb.execute("SELECT Key FROM read_parquet(?)", [str(stored)]).fetchall()
    assert sorted(key for (key,) in keys) == sorted(celery_cos.keys(SOURCE))
    assert len(keys) == OBJECTS == sum(part["rows"] for part in run.parts)


def test_the_consumers_totals_are_the_manifests(run):
    assert sum(row["objects"] for row in run.prefixes) == run.manifest["matched_objects"] == OBJECTS
    assert sum(row["bytes"] for row in run.prefixes) == run.manifest["matched_bytes"]


def test_nothing_else_lies_beside_the_report(run, celery_cos):
    paths = [f"cos://{DESTINATION}/{key}" for key in part_keys(celery_cos)]
    assert sorted(paths) == sorted(part["path"] for part in run.parts)
    folder = run.manifest["manifest_key"].rpartition("/")[0]
    report = [run.manifest["manifest_key"], f"{folder}/manifest.checksum", *(f["key"] for f in run.manifest["files"])]
    assert sorted(celery_cos.keys(DESTINATION)) == sorted([*report, *part_keys(celery_cos)])


def test_two_workers_took_part(run, celery_airflow):
    for name in WORKERS:
        log = celery_airflow.processes.log_path(name).read_text(errors="replace")
        assert " succeeded in " in log, name
