from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@daily", default_args={"retries": 2})
def wait_for_a_report():
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="cos_bucket_inventory",
    )
    COSInventorySensor(task_id="wait", job=submit.output, deferrable=True, timeout=24 * 60 * 60)


wait_for_a_report()
