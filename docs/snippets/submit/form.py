from airflow.sdk import Param, dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(
    schedule=None,
    params={
        "bucket": Param("examplebucket-1250000000", type="string"),
        "prefix": Param(None, type=["null", "string"]),
        "fields": Param(["Size", "StorageClass"], type="array"),
    },
)
def submit_from_a_form():
    COSInventoryOperator(
        task_id="submit",
        bucket="{{ params.bucket }}",
        destination_bucket="inventorybucket-1250000000",
        prefix="{{ params.prefix or '' }}",
        optional_fields="{{ params.fields | tojson }}",
    )


submit_from_a_form()
