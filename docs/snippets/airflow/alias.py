from airflow.sdk import AssetAlias, dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator

REPORTS = AssetAlias("cos-inventory-reports")


@dag(schedule=None, params={"bucket": "examplebucket-1250000000"})
def take_any_inventory():
    COSInventoryOperator(
        task_id="inventory",
        bucket="{{ params.bucket }}",
        destination_bucket="inventorybucket-1250000000",
        wait_for_completion=True,
        deferrable=True,
        outlets=[REPORTS],
    )


take_any_inventory()
