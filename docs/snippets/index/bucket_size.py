from datetime import datetime

from airflow.sdk import dag, task

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@daily", start_date=datetime(2026, 1, 1))
def bucket_size():
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="cos_bucket_inventory",
    )
    wait = COSInventorySensor(task_id="wait", job=submit.output, deferrable=True)

    @task
    def count(manifest):
        return sum(record.size or 0 for record in COSInventoryHook().iter_records(manifest))

    count(wait.output)


bucket_size()
