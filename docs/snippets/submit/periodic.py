from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory_rule import COSInventoryRuleOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

REPORT = {
    "bucket": "examplebucket-1250000000",
    "inventory_id": "daily",
    "destination_bucket": "inventorybucket-1250000000",
    "destination_prefix": "reports",
}


@dag(schedule="@once")
def set_up_the_rule():
    COSInventoryRuleOperator(task_id="rule", frequency="Daily", optional_fields=["Size", "StorageClass"], **REPORT)


@dag(schedule="0 8 * * *")
def wait_for_its_report():
    COSInventorySensor(task_id="wait", deferrable=True, **REPORT)


set_up_the_rule()
wait_for_its_report()
