# SPDX-License-Identifier: Apache-2.0
"""The official SDK, as its users call it."""

from __future__ import annotations

import pytest
from qcloud_cos import CosServiceError

from tests.emulator.client import sdk

KEY = "目录/a b+c%&.txt"


def _inventory(destination, **more):
    return {
        "Destination": {
            "COSBucketDestination": {
                "AccountId": "100000000001",
                "Bucket": f"qcs::cos:ap-guangzhou::{destination}",
                "Format": "CSV",
                "Prefix": "list1",
                "Encryption": {"SSECOS": {}},
            }
        },
        "Filter": {"Prefix": ""},
        "IncludedObjectVersions": "All",
        "OptionalFields": {"Field": ["Size", "LastModifiedDate", "ETag", "StorageClass"]},
        **more,
    }


def test_objects(cos, bucket):
    client = sdk(cos)
    put = client.put_object(Bucket=bucket, Key=KEY, Body=b"hello", EnableMD5=True, Metadata={"x-cos-meta-a": "b"})
    got = client.get_object(Bucket=bucket, Key=KEY, Range="bytes=1-3")
    assert got["Body"].get_raw_stream().read() == b"ell"
    head = client.head_object(Bucket=bucket, Key=KEY)
    assert head["ETag"] == put["ETag"]
    assert head["x-cos-meta-a"] == "b"
    listed = client.list_objects(Bucket=bucket, Prefix="目录/")
    assert [one["Key"] for one in listed["Contents"]] == [KEY]
    assert client.object_exists(Bucket=bucket, Key=KEY)
    client.delete_objects(Bucket=bucket, Delete={"Object": [{"Key": KEY}], "Quiet": "false"})
    assert not client.object_exists(Bucket=bucket, Key=KEY)
    client.delete_object(Bucket=bucket, Key=KEY)


def test_buckets_and_versions(cos):
    client = sdk(cos)
    client.create_bucket(Bucket="bysdk-1250000000")
    assert client.bucket_exists(Bucket="bysdk-1250000000")
    assert client.head_bucket(Bucket="bysdk-1250000000")["x-cos-bucket-region"] == "ap-guangzhou"
    client.put_bucket_versioning(Bucket="bysdk-1250000000", Status="Enabled")
    assert client.get_bucket_versioning(Bucket="bysdk-1250000000")["Status"] == "Enabled"
    client.put_object(Bucket="bysdk-1250000000", Key="a", Body=b"1")
    client.put_object(Bucket="bysdk-1250000000", Key="a", Body=b"2")
    assert len(client.list_objects_versions(Bucket="bysdk-1250000000")["Version"]) == 2
    assert "bysdk-1250000000" in [one["Name"] for one in _all_buckets(cos)["Buckets"]["Bucket"]]


def _all_buckets(cos):
    # The SDK's service domain ignores IP and Port; the emulator takes a proxy's requests too.
    return sdk(cos, Proxies={"http": cos.url}).list_buckets()


def test_tags(cos, bucket):
    client = sdk(cos)
    client.put_object(Bucket=bucket, Key=KEY, Body=b"")
    client.put_object_tagging(Bucket=bucket, Key=KEY, Tagging={"TagSet": {"Tag": [{"Key": "age", "Value": "18"}]}})
    tags = client.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"]["Tag"]
    assert tags == [{"Key": "age", "Value": "18"}]
    client.delete_object_tagging(Bucket=bucket, Key=KEY)
    assert not client.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"]


def test_one_time_inventory(cos, bucket, destination):
    client = sdk(cos)
    client.post_bucket_inventory(Bucket=bucket, Id="one", InventoryConfiguration=_inventory(destination))
    assert cos.accepted_posts(bucket) == 1
    assert len(cos.keys(destination, prefix="list1/1250000000/")) == 2
    with pytest.raises(CosServiceError) as raised:
        client.post_bucket_inventory(Bucket=bucket, Id="one", InventoryConfiguration=_inventory(destination))
    assert raised.value.get_error_code() == "DuplicateInventoryId"
    assert raised.value.get_request_id()
    assert raised.value.get_trace_id()


def test_periodic_inventory(cos, bucket, destination):
    client = sdk(cos)
    rule = _inventory(destination, IsEnabled="true", Schedule={"Frequency": "Daily"})
    client.put_bucket_inventory(Bucket=bucket, Id="daily", InventoryConfiguration=rule)
    got = client.get_bucket_inventory(Bucket=bucket, Id="daily")
    assert got["Schedule"]["Frequency"] == "Daily"
    assert got["OptionalFields"]["Field"] == ["Size", "LastModifiedDate", "ETag", "StorageClass"]
    listed = client.list_bucket_inventory_configurations(Bucket=bucket, ContinuationToken="")
    assert listed["InventoryConfiguration"]["Id"] == "daily"
    client.delete_bucket_inventory(Bucket=bucket, Id="daily")
    assert "InventoryConfiguration" not in client.list_bucket_inventory_configurations(Bucket=bucket)
    with pytest.raises(CosServiceError) as raised:
        client.get_bucket_inventory(Bucket=bucket, Id="daily")
    assert raised.value.get_error_code() == "InventoryConfigurationNotFoundError"


def test_temporary_credentials(cos, bucket):
    cos.add_credential(secret_id="AKIDsdk", secret_key="key", token="token", expires_in=60)
    sdk(cos, SecretId="AKIDsdk", SecretKey="key", Token="token").head_bucket(Bucket=bucket)
    with pytest.raises(CosServiceError) as raised:
        sdk(cos, SecretId="AKIDsdk", SecretKey="key").list_objects(Bucket=bucket)
    assert raised.value.get_error_code() == "InvalidAccessKeyId"


@pytest.mark.parametrize("internal", [True, False])
def test_the_newer_domains(cos, bucket, internal):
    sdk(cos, EnableOldDomain=False, EnableInternalDomain=internal).head_bucket(Bucket=bucket)
