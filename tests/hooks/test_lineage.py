# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_cosinv.hooks import lineage
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

try:
    from airflow.sdk.lineage import HookLineageCollector
except ImportError:  # Airflow 3.1
    from airflow.lineage.hook import HookLineageCollector  # type: ignore[no-redef,import-not-found]  # another version


@pytest.fixture
def manifest(cos):
    submit = COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
    )
    job = run_task(lambda: submit, make_context()).result
    wait = COSInventorySensor(task_id="wait", job=job, poke_interval=0.05, timeout=20)
    return run_task(lambda: wait, make_context()).result


@pytest.fixture
def collector(manifest, monkeypatch):
    """Airflow's own, as it is where something reads it."""
    found = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: found)
    return found


@pytest.fixture
def report(manifest):
    return f"cos://{DESTINATION}/{manifest['manifest_key'].rsplit('/', 2)[0]}"


def uris(collector):
    found = collector.collected_assets
    return [info.asset.uri for info in found.inputs], [info.asset.uri for info in found.outputs]


def test_a_report_that_is_read_is_an_input(manifest, collector, report):
    list(COSInventoryHook().iter_records(manifest))
    assert uris(collector) == ([report], [])


def test_a_manifest_that_is_read_is_one_too(manifest, collector, report):
    COSInventoryHook().read_manifest(
        bucket=DESTINATION, manifest_key=manifest["manifest_key"], checksum=manifest["checksum"]
    )
    assert uris(collector) == ([report], [])


def test_what_is_written_is_an_output(manifest, collector, report, tmp_path):
    hook = COSInventoryHook()
    part = hook.to_parquet(manifest, destination=f"cos://{DESTINATION}/parts 1/")
    hook.query(parts=part, sql="SELECT Key FROM inventory", destination=str(tmp_path / "keys.csv"))
    hook.diff(previous=part, current=manifest, destination=f"cos://{DESTINATION}/out/diff.csv")
    hook.write_selection(where="Size < 10", inventory_id="small", manifest=manifest, destination_prefix="chosen")
    parts = f"cos://{DESTINATION}/parts%201"
    inputs, outputs = uris(collector)
    assert set(inputs) == {report, parts}
    assert outputs == [
        parts,
        f"file://{tmp_path}/keys.csv",
        f"cos://{DESTINATION}/out/diff.csv",
        f"cos://{DESTINATION}/chosen/1250000000/examplebucket/small",
    ]


def test_without_a_reader_nothing_is_collected_and_nothing_fails(manifest):
    assert len(list(COSInventoryHook().iter_records(manifest))) == 3
