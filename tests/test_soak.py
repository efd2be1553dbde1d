# SPDX-License-Identifier: Apache-2.0
"""The plan and the verdict of the soak; the soak itself takes minutes: ``python -m benchmarks.soak``."""

from __future__ import annotations

import hashlib
import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from rich.console import Console

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery as EmulatorDelivery
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryTransientError
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from benchmarks.soak import fill, happened
from benchmarks.soak_delivery import Delivery
from benchmarks.soak_faults import DESTINATION, KINDS, InventoryPlan, SourceObject, plan_soak
from benchmarks.soak_verdict import Outcome, Verdict
from tests.support.tasks import make_context, run_task


def test_the_same_seed_gives_the_same_plan_and_another_one_another():
    assert plan_soak(inventories=20, seed=1) == plan_soak(inventories=20, seed=1)
    assert plan_soak(inventories=20, seed=1) != plan_soak(inventories=20, seed=2)


def test_an_inventory_has_the_same_faults_however_many_there_are():
    assert plan_soak(inventories=200, seed=1)[:5] == plan_soak(inventories=5, seed=1)


@pytest.mark.parametrize("seed", range(1, 11))
def test_every_kind_of_fault_occurs_in_two_hundred_inventories(seed):
    plans = plan_soak(inventories=200, seed=seed)
    planned = {fault.kind for plan in plans for fault in plan.faults} | {plan.delivery for plan in plans} - {""}
    assert planned == set(KINDS)


def test_no_two_inventories_share_a_bucket_and_their_sizes_differ():
    plans = plan_soak(inventories=200, seed=1)
    assert len({plan.bucket for plan in plans}) == 200
    assert {len(plan.objects) for plan in plans} == set(range(1, 21))
    assert any(re.search(r"[一-龥]", one.key) for plan in plans for one in plan.objects)


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(delivery=EmulatorDelivery(seconds=1e9), rows_per_file=6)


def retried(make_task, context):
    """Run a task as Airflow does that has retries enough for what the plans hold."""
    for _ in range(10):
        try:
            return run_task(make_task, context).result
        except (COSInventoryTransientError, COSInventoryCorruptReportError):
            time.sleep(0.5)
    return run_task(make_task, context).result


def run_inventory(cos, plan):
    submitted = retried(
        lambda: COSInventoryOperator(
            task_id="submit",
            bucket=plan.bucket,
            destination_bucket=DESTINATION,
            optional_fields=["Size", "ETag", "StorageClass"],
        ),
        make_context(),
    )
    manifest = retried(
        lambda: COSInventorySensor(task_id="wait", job=submitted, deferrable=True, poke_interval=1, timeout=120),
        make_context(),
    )
    records = COSInventoryHook().iter_records(manifest)
    return Outcome(
        plan=plan,
        jobs=[job for job in cos.jobs() if job["bucket"] == plan.bucket],
        submitted=submitted,
        manifest=manifest,
        rows=[[record.key, record.size, record.etag, record.storage_class] for record in records],
        states={},
    )


def test_the_planned_faults_happen_and_pass_and_each_inventory_is_taken_once(
    emulator_settings, impatient_retries, monkeypatch
):
    quick = [
        plan for plan in plan_soak(inventories=14, seed=3) if not any("in time" in fault.kind for fault in plan.faults)
    ]
    assert len(quick) >= 4
    with COSEmulator(settings=emulator_settings) as cos, Delivery(cos=cos, plans=quick) as delivery:
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
        fill(cos, quick)
        with ThreadPoolExecutor(len(quick)) as threads:
            outcomes = list(threads.map(partial(run_inventory, cos), quick))
        delivery.check()
        counts = happened(cos, quick, late=delivery.late)
    assert [outcome.wrong() for outcome in outcomes] == [[] for _ in quick]
    kinds = {fault.kind for plan in quick for fault in plan.faults if fault.kind.startswith(("POST", "delivery"))}
    assert len(kinds) >= 8
    assert not {kind for kind in kinds if not counts[kind]}


JOB = {"inventory_id": "soak-a", "job_id": "Sm9i", "report_prefix": "soak/1250000000/soak-0000/soak-a"}
DUPLICATE = {"inventory_id": "soak-b", "job_id": "Sm9j", "report_prefix": "soak/1250000000/soak-0000/soak-b"}
SUBMITTED = {"inventory_id": "soak-a", "job_id": "Sm9i", "attached": False}
MANIFEST = {"manifest_key": f"{JOB['report_prefix']}/20261122/manifest.json", "matched_objects": 1}
ROWS = [["图片/一.jpg", 3, hashlib.md5(b"xxx").hexdigest(), "STANDARD"]]
STATES = {"submit": "success", "wait": "success", "read": "success"}
GOOD = Outcome(
    plan=InventoryPlan(
        bucket="soak-0000-1250000000",
        objects=(SourceObject(key="图片/一.jpg", size=3, storage_class="STANDARD"),),
        faults=(),
        delivery="",
        looks_in_vain=0,
    ),
    jobs=[JOB],
    submitted=SUBMITTED,
    manifest=MANIFEST,
    rows=ROWS,
    states=STATES,
)


def verdict(outcome):
    return Verdict(
        outcomes=[outcome],
        task_instances=[{"task_id": "submit", "map_index": 0, "state": "success", "try_number": 3}],
        killed={"submit": 1},
        killed_with_supervisor=1,
        killed_after_acceptance=1,
        triggerer_restarts=1,
        faults={"POST 500, accepted": 2},
        posts=4,
        seconds=1.0,
    )


def test_an_inventory_that_is_well_is_counted_and_not_wrong():
    good = verdict(GOOD)
    assert (good.accepted, good.verified, good.attempts, good.wrong()) == (1, 1, 3, [])


def test_an_inventory_whose_job_id_got_lost_is_well():
    assert replace(GOOD, submitted={**SUBMITTED, "job_id": None, "attached": True}).wrong() == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"jobs": []}, "accepted 0 inventories"),
        ({"jobs": [JOB, DUPLICATE]}, r"accepted 2 inventories: \['soak-a', 'soak-b'\]"),
        ({"submitted": None}, "the submission has no result"),
        ({"submitted": {**SUBMITTED, "inventory_id": "soak-c"}}, "inventory soak-c, which COS has not"),
        ({"submitted": {**SUBMITTED, "job_id": "b3RoZXI="}}, "JobId b3RoZXI=, COS gave another"),
        ({"manifest": None}, "the sensor has no result"),
        ({"manifest": {**MANIFEST, "manifest_key": "other/manifest.json"}}, "other/manifest.json, which is not"),
        ({"manifest": {**MANIFEST, "matched_objects": 2}}, "the manifest says 2 objects of 1"),
        ({"rows": None}, "no rows were read"),
        ({"rows": []}, r"missing: \[\('图片/一.jpg', 3,"),
        ({"rows": ROWS * 2}, r"rows that the bucket has not: \[\('图片/一.jpg', 3,"),
        ({"states": {**STATES, "read": "failed"}}, "task read is failed"),
    ],
)
def test_an_inventory_that_is_wrong_is_named_with_the_reason(broken, reason):
    sentence, *_ = verdict(replace(GOOD, **broken)).wrong()
    assert sentence.startswith("0 (soak-0000-1250000000): ")
    assert re.search(reason, sentence)


def test_the_table_tells_the_figures():
    console = Console(width=100, file=io.StringIO())
    console.print(verdict(replace(GOOD, jobs=[JOB, DUPLICATE])).table())
    text = console.file.getvalue()
    for row in (
        r"inventories accepted +│ +2 ",
        r"verified[^│]*│ +1 ",
        r"accepted twice +│ +1 ",
        r"lost +│ +0 ",
        r"JobId known, None +│ +1, 0 ",
        r"POSTs seen +│ +4 ",
        r"task attempts, retries +│ +3, 2 ",
        r"tasks killed +│ +1 \(submit 1\) ",
        r"POST 500, accepted +│ +2 ",
    ):
        assert re.search(row, text), row
