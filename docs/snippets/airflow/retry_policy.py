from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator

ERRORS = "airflow_provider_cosinv.exceptions"
POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(f"{ERRORS}.COSInventoryThrottledError", retry_delay=timedelta(minutes=10), reason="slow down"),
        RetryRule(f"{ERRORS}.COSInventoryTransientError", retry_delay=timedelta(minutes=1), reason="COS is away"),
        RetryRule(f"{ERRORS}.COSInventoryCorruptReportError", action=RetryAction.FAIL, reason="take it again"),
    ]
)


@dag(schedule=None, default_args={"retries": 5, "retry_policy": POLICY})
def patient_with_cos():
    COSInventoryOperator(
        task_id="inventory",
        bucket="examplebucket-1250000000",
        destination_bucket="inventorybucket-1250000000",
        wait_for_completion=True,
        deferrable=True,
    )


patient_with_cos()
