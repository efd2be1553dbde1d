# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory import (
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Tag,
    TaskIdentity,
    derive_inventory_id,
)
from airflow_provider_cosinv.inventory.names import check_inventory_id
from tests.inventory.strategies import configurations

BUCKET = "examplebucket-1250000000"
CONFIGURATION = InventoryConfiguration(
    inventory_id="-", destination=Destination(bucket=BUCKET, region="ap-guangzhou", prefix="reports")
)
IDENTITY = TaskIdentity(
    dag_id="billing",
    task_id="eu.submit",
    run_id="scheduled__2026-01-01",
    map_index=-1,
    run_started="2026-01-02T00:00:00+00:00",
    generation=0,
)


def derive(identity: TaskIdentity = IDENTITY, bucket: str = BUCKET, **changes: Any) -> str:
    configuration = dataclasses.replace(CONFIGURATION, **changes)
    return derive_inventory_id(identity, bucket=bucket, configuration=configuration)


def test_thousands_of_identities_have_as_many_ids() -> None:
    identities = [
        dataclasses.replace(
            IDENTITY, dag_id=dag, task_id=task, run_id=f"scheduled__{run}", map_index=index, generation=generation
        )
        for dag, task, run, index, generation in product(
            ("a", "a.b", "清单", "x" * 250), ("b.c", "c", "b-c", "库存", "y" * 250), range(10), range(-1, 9), range(2)
        )
    ]

    assert len(identities) == 4_000
    assert len(
        {derive_inventory_id(identity, bucket=BUCKET, configuration=CONFIGURATION) for identity in identities}
    ) == len(identities)


def test_components_that_read_alike_when_joined_have_different_ids() -> None:
    pairs = [("a", "b.c"), ("a.b", "c"), ("a-b", "c"), ("a_b", "c"), ("a b", "c")]

    ids = {derive(dataclasses.replace(IDENTITY, dag_id=dag, task_id=task)) for dag, task in pairs}

    assert len(ids) == len(pairs)


@given(
    st.builds(
        TaskIdentity,
        dag_id=st.text(max_size=300),
        task_id=st.text(max_size=300),
        run_id=st.text(max_size=300),
        map_index=st.integers(-1, 2**31),
        generation=st.integers(0, 2**31),
    ),
    configurations(),
)
def test_any_identity_gives_an_id_that_cos_takes(identity: TaskIdentity, configuration: InventoryConfiguration) -> None:
    derived = derive_inventory_id(identity, bucket=BUCKET, configuration=configuration)

    assert check_inventory_id(derived) == derived
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*-[a-z2-7]{20}", derived)


def test_the_front_of_an_id_is_the_dag_and_the_task() -> None:
    assert derive().rpartition("-")[0] == "billing.eu-submit"


@pytest.mark.parametrize(
    ("dag_id", "task_id", "front"),
    [
        ("d" * 60, "t", "d" * 43),
        ("d" * 42, "t", "d" * 42),
        ("清单", "提交", "x.x"),
        ("___", "...", "x.x"),
        ("-a-", "b c", "a.b-c"),
    ],
)
def test_a_front_is_cut_and_cleaned(dag_id: str, task_id: str, front: str) -> None:
    assert derive(dataclasses.replace(IDENTITY, dag_id=dag_id, task_id=task_id)).rpartition("-")[0] == front


@pytest.mark.parametrize(
    "change",
    [{"dag_id": "other"}, {"task_id": "other"}, {"run_id": "other"}, {"map_index": 0}, {"generation": 1}],
    ids=lambda change: next(iter(change)),
)
def test_each_part_of_the_identity_changes_the_id(change: dict[str, Any]) -> None:
    changed = derive(dataclasses.replace(IDENTITY, **change))

    assert changed[-20:] != derive()[-20:]


@pytest.mark.parametrize(
    "change",
    [
        {"destination": dataclasses.replace(CONFIGURATION.destination, bucket="other-1250000000")},
        {"destination": dataclasses.replace(CONFIGURATION.destination, prefix="other")},
        {"destination": dataclasses.replace(CONFIGURATION.destination, region="ap-beijing")},
        {"destination": dataclasses.replace(CONFIGURATION.destination, account_id="100000000001")},
        {"destination": dataclasses.replace(CONFIGURATION.destination, encryption="SSE-COS")},
        {"included_object_versions": "All"},
        {"filter": InventoryFilter(prefix="other")},
        {"filter": InventoryFilter(tags=(Tag("age", "18"),))},
        {"filter": InventoryFilter(storage_classes=("STANDARD",))},
        {"filter": InventoryFilter(created_after=datetime(2026, 1, 1, tzinfo=timezone.utc))},
        {"filter": InventoryFilter(created_before=datetime(2026, 1, 1, tzinfo=timezone.utc))},
        {"optional_fields": ("Size",)},
    ],
    ids=str,
)
def test_what_is_asked_for_changes_the_id(change: dict[str, Any]) -> None:
    assert derive(**change) != derive()


def test_the_source_bucket_changes_the_id() -> None:
    assert derive(bucket="other-1250000000") != derive()


def test_an_id_that_the_configuration_has_already_does_not_count() -> None:
    assert derive(inventory_id="chosen") == derive()


def test_ids_are_the_same_in_every_process() -> None:
    program = "from tests.inventory.test_identity import derive; print(derive())"
    derived = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert derived == {derive()}


def test_ids_are_the_same_in_every_release() -> None:
    # A change here makes tasks that are retried across an upgrade submit twice.
    assert derive() == "billing.eu-submit-rimamututgm3ej7mmgwu"
