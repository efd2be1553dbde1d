from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule


def test_a_periodic_inventory_delivers_when_it_is_told_to(cos):
    COSInventoryHook().put_rule(
        bucket="examplebucket-1250000000",
        configuration=InventoryConfiguration(
            inventory_id="daily",
            destination=Destination(bucket="inventorybucket-1250000000", region="ap-guangzhou", prefix="reports"),
            schedule=Schedule(frequency="Daily"),
        ),
    )
    cos.deliver_rule("examplebucket-1250000000", "daily")
    reports = cos.keys("inventorybucket-1250000000", prefix="reports/1250000000/examplebucket/daily/")
    assert any(key.endswith("/manifest.checksum") for key in reports)
