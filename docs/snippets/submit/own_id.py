from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule="@daily")
def with_an_id_of_its_own():
    COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        inventory_id="export-{{ dag_run.run_after | ds_nodash }}",
        on_duplicate="attach",
    )


with_an_id_of_its_own()
