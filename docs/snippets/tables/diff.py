from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

REPORT = {
    "bucket": "examplebucket-1250000000",
    "inventory_id": "daily",
    "destination_bucket": "inventorybucket-1250000000",
    "destination_prefix": "rules",
}


@dag(schedule="0 8 * * 1", default_args={"retries": 2})
def what_the_week_has_changed():
    this_week = COSInventorySensor(task_id="this_week", deferrable=True, timeout=6 * 60 * 60, **REPORT)
    last_week = COSInventorySensor(
        task_id="last_week",
        date="{{ (dag_run.run_after - macros.timedelta(days=7)) | ds_nodash }}",
        timeout=60,
        soft_fail=True,  # skipped where there is none: its output is None then
        **REPORT,
    )
    COSInventoryDiffOperator(
        task_id="diff",
        previous=last_week.output,
        current=this_week.output,
        destination="cos://inventorybucket-1250000000/changes/{{ dag_run.run_after | ds }}.parquet",
        trigger_rule="none_failed",  # a skipped last_week does not skip this
    )


what_the_week_has_changed()
