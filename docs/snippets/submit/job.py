from airflow.sdk import dag, task

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule="@daily")
def use_the_job():
    submit = COSInventoryOperator(task_id="submit", bucket="examplebucket-1250000000")

    @task
    def note(job_id, submitted_at):
        return f"{job_id} of {submitted_at}"

    note(submit.output["job_id"], submit.output["submitted_at"])


use_the_job()
