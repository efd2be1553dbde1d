from datetime import datetime, timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


async def tell_somebody(text, **context):
    print(text)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=6),
        callback=AsyncCallback(tell_somebody, kwargs={"text": "The inventory is late."}),
    ),
)
def inventory_by_noon():
    COSInventoryOperator(
        task_id="inventory",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        wait_for_completion=True,
        deferrable=True,
        timeout=timedelta(hours=24),
    )


inventory_by_noon()
