from airflow.sdk import dag, task

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None)
def bucket_size():
    submit = COSInventoryOperator(
        task_id="submit", bucket="examplebucket-1250000000", destination_bucket="inventorybucket-1250000000"
    )
    wait = COSInventorySensor(task_id="wait", job=submit.output, deferrable=True, poke_interval=1)

    @task
    def total(manifest):
        return sum(record.size for record in COSInventoryHook().iter_records(manifest))

    total(wait.output)


the_dag = bucket_size()
