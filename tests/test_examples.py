# SPDX-License-Identifier: Apache-2.0
"""What the examples do where a run of tests/airflow does not come: a bucket that is empty, names that are derived."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from tests.conftest import DESTINATION
from tests.support.reports import run, take_report

EXAMPLES = Path(__file__).parents[1] / "dags_examples"


def dags_of(name):
    return runpy.run_path(str(EXAMPLES / f"cos_inventory_{name}.py"))


@pytest.fixture
def empty(cos):
    """The manifest of a report without a data file."""
    manifest = take_report(prefix="nothing/")
    assert manifest["files"] == []
    return manifest


def test_an_empty_report_is_counted_not_skipped(empty):
    consumer = dags_of("chained")["cos_inventory_consumer"]()
    batches, count, total = (consumer.get_task(name) for name in ("batches", "count", "total"))
    parts = [count.python_callable(empty, batch) for batch in batches.python_callable(empty)]
    assert parts == [{"rows": 0, "bytes": 0}]
    assert total.python_callable(empty, parts) == {"rows": 0, "bytes": 0}


def test_an_empty_report_is_one_empty_part_of_parquet(empty):
    dag = dags_of("parquet")["cos_inventory_parquet"]()
    (batch,) = dag.get_task("batches").python_callable(empty)
    part = COSInventoryHook().to_parquet(empty, batch=batch)
    assert part["rows"] == 0
    ask = dag.get_task("by_prefix")
    ask.parts = [part]
    assert run(ask) == []


def test_the_asset_of_the_chained_example_names_the_bucket():
    assert dags_of("chained")["REPORT"].uri == f"cos://{DESTINATION}/cos_bucket_inventory/examplebucket"


def test_the_watched_asset_is_where_the_reports_of_its_rule_lie(cos):
    space = dags_of("watched")
    run(space["cos_inventory_rule"]().get_task("rule"))
    cos.deliver_rule(space["BUCKET"], space["INVENTORY_ID"])
    reports = [f"cos://{DESTINATION}/{key}" for key in cos.keys(DESTINATION) if key.endswith("/manifest.json")]
    assert [uri.startswith(f"{space['DAILY'].uri}/") for uri in reports] == [True]
