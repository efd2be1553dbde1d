from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule="@daily", default_args={"retries": 2})
def submit_and_wait():
    COSInventoryOperator(
        task_id="inventory",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=timedelta(minutes=2),
        timeout=timedelta(hours=12),
    )


submit_and_wait()
