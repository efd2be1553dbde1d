# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.links.cos import COSReportLink, COSResultLink, COSSourceBucketLink, console_url
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

REPORT, SOURCE_BUCKET, RESULT = (cls().xcom_key for cls in (COSReportLink, COSSourceBucketLink, COSResultLink))


def folder(job):
    return console_url(bucket=DESTINATION, region="ap-guangzhou", folder=job["report_prefix"])


def submit(context):
    return run_task(
        lambda: COSInventoryOperator(
            task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
        ),
        context,
    ).result


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("", ""),
        ("/", ""),
        ("a/b", "&path=%252Fa%252Fb%252F"),
        ("/图 片/", "&path=%252F%25E5%259B%25BE%2520%25E7%2589%2587%252F"),
    ],
)
def test_a_folder_is_encoded_twice(folder, path):
    assert console_url(bucket="b-125", region="ap-guangzhou", folder=folder) == (
        f"https://console.cloud.tencent.com/cos/bucket?bucket=b-125&region=ap-guangzhou{path}"
    )


def test_a_submission_links_to_its_report_and_source(cos):
    context = make_context()
    job = submit(context)
    assert context["ti"].pushed[REPORT] == folder(job)
    assert context["ti"].pushed[SOURCE_BUCKET] == console_url(bucket=SOURCE, region="ap-guangzhou")


def test_a_retry_links_to_what_the_first_attempt_submitted(cos):
    context = make_context()
    job = submit(context)
    context["ti"].pushed.clear()  # as Airflow does at the start of a retry
    assert submit(context)["attached"] is True
    assert context["ti"].pushed[REPORT] == folder(job)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_wait_links_to_the_report_before_it_is_there(cos, deferrable):
    job = submit(make_context())
    context = make_context()
    run_task(
        lambda: COSInventorySensor(task_id="wait", job=job, deferrable=deferrable, poke_interval=0.05, timeout=20),
        context,
    )
    assert context["ti"].pushed[REPORT] == folder(job)
    assert context["ti"].pushed[SOURCE_BUCKET] == console_url(bucket=SOURCE, region="ap-guangzhou")


def test_a_result_on_cos_is_linked_and_a_local_one_is_not(cos, tmp_path):
    job = submit(make_context())
    manifest = run_task(
        lambda: COSInventorySensor(task_id="wait", job=job, poke_interval=0.05, timeout=20), make_context()
    ).result

    def ask(destination):
        context = make_context()
        run_task(
            lambda: COSInventoryQueryOperator(
                task_id="ask", manifest=manifest, sql="SELECT Key FROM inventory", destination=destination
            ),
            context,
        )
        return context["ti"].pushed

    result = ask(f"cos://{DESTINATION}/out/keys.csv")
    assert result[RESULT] == console_url(bucket=DESTINATION, region="ap-guangzhou", folder="out")
    assert RESULT not in ask(str(tmp_path / "keys.csv"))


def test_parquet_beside_the_report_is_linked_in_the_reports_region(cos):
    job = submit(make_context())
    manifest = run_task(
        lambda: COSInventorySensor(task_id="wait", job=job, poke_interval=0.05, timeout=20), make_context()
    ).result
    context = make_context()
    convert = COSInventoryToParquetOperator(task_id="convert", manifest=manifest, region="ap-beijing")
    run_task(lambda: convert, context)
    beside = f"{manifest['manifest_key'].rpartition('/')[0]}/parquet"
    assert context["ti"].pushed[RESULT] == console_url(bucket=DESTINATION, region="ap-guangzhou", folder=beside)


def test_nothing_is_stored_where_no_xcom_is_wanted(cos):
    context = make_context()
    operator = COSInventoryOperator(task_id="submit", bucket=SOURCE, do_xcom_push=False)
    run_task(lambda: operator, context)
    assert context["ti"].pushed == {}


def test_airflow_is_told_of_every_link():
    classes = (COSReportLink, COSResultLink, COSSourceBucketLink)
    assert get_provider_info()["extra-links"] == [f"{cls.__module__}.{cls.__name__}" for cls in classes]
