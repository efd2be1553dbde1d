from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="@daily")
def wait_at_an_even_pace():
    submit = COSInventoryOperator(task_id="submit", bucket="examplebucket-1250000000")
    COSInventorySensor(task_id="wait", job=submit.output, deferrable=True, poke_interval=30, max_wait=30)


wait_at_an_even_pace()
