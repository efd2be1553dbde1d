from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@weekly", default_args={"retries": 2})
def wait_for_many():
    submit = COSInventoryOperator.partial(
        task_id="submit", destination_bucket="inventorybucket-1250000000", destination_prefix="weekly"
    ).expand(bucket=["examplebucket-1250000000", "logs-1250000000", "images-1250000000"])
    COSInventorySensor.partial(task_id="wait", deferrable=True).expand(job=submit.output)


wait_for_many()
