from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration

submitted = COSInventoryHook().submit_inventory(
    bucket="examplebucket-1250000000",
    configuration=InventoryConfiguration(
        inventory_id="by-hand-2026-11-26",
        destination=Destination(bucket="inventorybucket-1250000000", region="ap-guangzhou", prefix="by_hand"),
        optional_fields=("Size",),
    ),
)
print(submitted.job_id)
