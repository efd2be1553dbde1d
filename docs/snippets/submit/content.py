from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule="@daily")
def submit_what_is_asked_for():
    COSInventoryOperator(
        task_id="submit",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        prefix="logs/",
        tags={"age": "18"},
        storage_classes=["STANDARD", "STANDARD_IA"],
        created_after="2026-01-01T00:00:00+08:00",
        included_object_versions="All",
        optional_fields=["Size", "StorageClass", "Tag", "x-cos-meta-owner"],
        encryption="SSE-COS",
    )


submit_what_is_asked_for()
