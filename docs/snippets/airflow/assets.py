from datetime import datetime

from airflow.sdk import Asset, dag, task

from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor

REPORT = Asset("cos://inventorybucket-1250000000/reports/examplebucket")


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False)
def take_the_inventory():
    submit = COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        destination_prefix="reports",
    )
    COSInventorySensor(task_id="wait", job=submit.output, outlets=[REPORT], deferrable=True)


@dag(schedule=[REPORT])
def read_the_report():
    @task
    def count(triggering_asset_events=None):
        about = triggering_asset_events[REPORT][-1].extra
        hook = COSInventoryHook(region=about["region"])
        manifest = hook.read_manifest(
            bucket=about["bucket"], manifest_key=about["manifest_key"], checksum=about["checksum"]
        )
        return {"job_id": about["job_id"], "objects": sum(1 for _ in hook.iter_records(manifest))}

    count()


take_the_inventory()
read_the_report()
