from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory_rule import COSInventoryDeleteRuleOperator


@dag(schedule=None)
def take_the_rule_away():
    COSInventoryDeleteRuleOperator(task_id="delete", bucket="examplebucket-1250000000", inventory_id="daily")


take_the_rule_away()
