# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of waits, in every way of waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from itertools import count
from typing import Any

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryTimeoutError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException, AirflowSensorTimeout
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.reliability.stage import Stage
from tests.reliability.waiting_table import ENDS, HOUR, TABLE, Row
from tests.support.tasks import Run, make_context, run_task

MODES: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
POLL = 0.005
_numbers = count()


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[EmulatorSettings, COSEmulator]]:
    """One emulator for all rows of the same settings."""
    started: dict[EmulatorSettings, COSEmulator] = {}
    yield started
    for cos in started.values():
        cos.stop()


@pytest.fixture
def stage(emulators, row, monkeypatch, impatient_retries):
    """The stage of a row, set up to the submission."""
    if row.settings not in emulators:
        emulators[row.settings] = COSEmulator(settings=row.settings)
        emulators[row.settings].start()
    stage = Stage(emulators[row.settings], number=next(_numbers), monkeypatch=monkeypatch)
    for fault in row.faults:
        stage.cos.fault(**fault)
    if row.before:
        row.before(stage)
    return stage


every_row = pytest.mark.parametrize("row", TABLE, ids=[row.happens.replace(" ", "-") for row in TABLE])


def end_of(stage: Stage, row: Row, make_task: Callable[[], Any], error: type[Exception] | None) -> Any:
    """Let a task wait; return its run, or the error that it ended with."""
    with stage.meanwhile(row.meanwhile), pytest.raises(error) if error else nullcontext() as raised:
        return run_task(make_task, make_context())
    return raised.value


def check_error(row: Row, error: Exception, *, seen: str) -> None:
    cause: Any = error.__cause__ if isinstance(error, AirflowFailException) else error
    if row.ends == "late":
        assert f"last seen: {seen}" in str(error)
        assert "COS_QcsRole" in str(error)
    else:
        assert row.says in str(error)
        assert cause.code == row.code


def check_manifest(stage: Stage, manifest: dict[str, Any]) -> None:
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["bucket"] == stage.destination
    assert manifest["region"] == "ap-guangzhou"
    assert manifest["source_bucket"] == stage.source
    assert manifest["manifest_key"].startswith(f"{stage.folder}/")
    assert manifest["manifest_key"].endswith("/manifest.json")
    assert len(manifest["checksum"]) == 32
    assert manifest["columns"][:3] == ["Appid", "Bucket", "Key"]
    assert (manifest["listed_objects"], manifest["matched_objects"]) == (3, 3)
    assert (manifest["listed_bytes"], manifest["matched_bytes"]) == (15, 15)
    assert [set(file) for file in manifest["files"]] == [{"key", "size", "md5"}]


def soft_failures() -> Iterator[Row]:
    """The first row of each end: ``soft_fail`` changes one of the ends, whatever led to it."""
    for end in ENDS:
        yield next(row for row in TABLE if row.ends == end)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize(
    ("row", "soft_fail"),
    [*((row, False) for row in TABLE), *((row, True) for row in soft_failures())],
    ids=lambda value: value.happens.replace(" ", "-") if isinstance(value, Row) else ("fail", "soft_fail")[value],
)
def test_the_sensor_ends_alike_in_every_mode(stage, row, mode, soft_fail):
    sensor = COSInventorySensor(
        task_id="wait",
        job=stage.submit(),
        poke_interval=POLL,
        timeout=0.03 if row.ends == "late" else 6 * HOUR,
        soft_fail=soft_fail,
        **MODES[mode],
    )
    expected = ENDS[row.ends]
    error = expected.sensor_with_soft_fail if soft_fail else expected.sensor
    end = end_of(stage, row, lambda: deepcopy(sensor), error)
    if isinstance(end, Run):
        check_manifest(stage, end.result)
    else:
        check_error(row, end, seen=row.says)
        assert not isinstance(end, AirflowSensorTimeout) or isinstance(end, COSInventoryTimeoutError)


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferrable"])
@every_row
def test_the_operator_that_waits_ends_alike_in_both_ways(stage, row, deferrable):
    operator = stage.operator(
        wait_for_completion=True,
        poll_interval=POLL,
        timeout=0.03 if row.ends == "late" else 6 * HOUR,
        deferrable=deferrable,
    )
    end = end_of(stage, row, lambda: deepcopy(operator), ENDS[row.ends].operator)
    if isinstance(end, Run):
        assert end.result["job_id"]
        check_manifest(stage, end.result["manifest"])
    else:
        # The wait begins with the submission: whether it sees what is delivered at once depends on the machine.
        check_error(row, end, seen="" if row.settings.delivery == Delivery() else row.says)
        assert row.ends != "late" or isinstance(end.__cause__, COSInventoryTimeoutError)


@pytest.mark.parametrize(
    ("mode", "deferrals", "reschedules"), [("poke", 0, 0), ("reschedule", 0, 2), ("deferrable", 1, 0)]
)
@pytest.mark.parametrize("row", TABLE[:1], ids=["waiting"])
def test_each_mode_waits_in_its_own_way(stage, mode, deferrals, reschedules):
    sensor = COSInventorySensor(task_id="wait", job=stage.submit(), poke_interval=POLL, timeout=HOUR, **MODES[mode])
    run = run_task(lambda: deepcopy(sensor), make_context())
    assert run.deferrals == deferrals
    assert (run.reschedules >= reschedules) if reschedules else run.reschedules == 0
