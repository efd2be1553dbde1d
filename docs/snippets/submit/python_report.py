from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import ReportSearch

hook = COSInventoryHook()
search = ReportSearch(
    bucket="inventorybucket-1250000000",
    region="ap-guangzhou",
    prefixes=("by_hand/1250000000/examplebucket/by-hand-2026-11-26",),
    dates=("20261126", "20261127"),
)
seen = hook.find_report(search, grace=180)
print(seen.state)
if seen.ready:
    manifest = hook.read_manifest(bucket=search.bucket, manifest_key=seen.manifest_key, checksum=seen.checksum)
    print(manifest.listed_objects, "objects")
    for row in hook.query(query="by_prefix", manifest=manifest):
        print(row["prefix"], row["objects"], row["bytes"])
