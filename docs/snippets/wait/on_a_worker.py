from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@daily")
def wait_without_a_triggerer():
    submit = COSInventoryOperator(task_id="submit", bucket="examplebucket-1250000000")
    COSInventorySensor(
        task_id="wait",
        job=submit.output,
        deferrable=False,
        mode="reschedule",
        poke_interval=120,
        exponential_backoff=True,
        max_wait=20 * 60,
    )


wait_without_a_triggerer()
