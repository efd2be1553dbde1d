# SPDX-License-Identifier: Apache-2.0
"""The manifest that the page of COS prints, to be changed and read."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from airflow_provider_cosinv.inventory import Manifest, parse_manifest

BUCKET = "example-inventory-destination-bucket-1250000000"
FOLDER = "cos_bucket_inventory/1250000000/examplebucket/inventory01"
KEY = f"{FOLDER}/20200501/manifest.json"
MD5 = "7d40288a09c25b302ad6cb5fced54f35"

# The sample of 436/30622.
SAMPLE: dict[str, Any] = {
    "sourceAppid": "1250000000",
    "sourceBucket": "example-source-bucket",
    "destinationAppid": "1250000000",
    "destinationBucket": "example-inventory-destination-bucket",
    "fileFormat": "CSV",
    "listObjectCount": "13",
    "listStorageSize": "7212835",
    "filterObjectCount": "11",
    "filterStorageSize": "7212834",
    "fileSchema": "Appid, Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, "
    "ReplicationStatus",
    "files": [{"key": f"{FOLDER}/04d73d9debc73d9f0bf85af461abde6c.csv.gz", "size": "502", "md5Checksum": MD5}],
}

# What a manifest of the first edition (2019) has beside columns and files.
HISTORIC: dict[str, Any] = {
    "sourceBucket": "example-source-bucket",
    "destinationBucket": "example-inventory-destination-bucket",
    "version": "2016-11-30",
    "creationTimestamp": "1514944800000",
    "fileFormat": "CSV",
}


def parse_bytes(body: bytes, *, key: str = KEY) -> Manifest:
    checksum = hashlib.md5(body).hexdigest()
    return parse_manifest(body, bucket=BUCKET, region="ap-guangzhou", key=key, checksum=checksum)


def parse(*, key: str = KEY, **changes: Any) -> Manifest:
    return parse_bytes(json.dumps({**SAMPLE, **changes}).encode(), key=key)
