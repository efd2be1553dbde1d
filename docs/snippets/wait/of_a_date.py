from airflow.sdk import dag

from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor


@dag(schedule=None, params={"date": "20261126"})
def read_the_report_of_a_day():
    COSInventorySensor(
        task_id="wait",
        bucket="examplebucket-1250000000",
        inventory_id="daily",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="rules",
        date="{{ params.date }}",
        timeout=60,
        soft_fail=True,
    )


read_the_report_of_a_day()
