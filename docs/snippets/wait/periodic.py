from airflow.sdk import dag

from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule="0 8 * * *", catchup=False)
def wait_for_the_daily_report():
    COSInventorySensor(
        task_id="wait",
        bucket="examplebucket-1250000000",
        inventory_id="daily",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="rules",
        deferrable=True,
        timeout=6 * 60 * 60,
    )


wait_for_the_daily_report()
