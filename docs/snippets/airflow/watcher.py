from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger

DAILY = Asset(
    "cos://inventorybucket-1250000000/reports/daily",
    watchers=[
        AssetWatcher(
            name="daily",
            trigger=COSInventoryEventTrigger(
                bucket="examplebucket-1250000000",
                inventory_id="daily",
                destination_bucket="inventorybucket-1250000000",
                destination_prefix="reports",
                since="20261101",
            ),
        )
    ],
)


@dag(schedule=[DAILY])
def when_the_rule_delivers():
    @task
    def manifests(triggering_asset_events=None):
        reports = [event.extra["payload"] for event in triggering_asset_events[DAILY]]
        return [report["manifest_key"] for report in reports]

    manifests()


when_the_rule_delivers()
