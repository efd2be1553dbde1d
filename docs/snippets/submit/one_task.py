from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule="@daily")
def in_one_task():
    COSInventoryOperator(
        task_id="inventory",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        wait_for_completion=True,
        deferrable=True,
    )


in_one_task()
