from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@daily")
def submit_many():
    submit = COSInventoryOperator.partial(
        task_id="submit", destination_bucket="inventorybucket-1250000000", max_active_tis_per_dagrun=1
    ).expand(bucket=["examplebucket-1250000000", "logs-1250000000"])
    COSInventorySensor.partial(task_id="wait", deferrable=True).expand(job=submit.output)


submit_many()
