# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import (
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    InventoryJob,
    Schedule,
    Tag,
)
from tests.conftest import DESTINATION, SOURCE


def configuration(**replaced):
    return InventoryConfiguration(
        **{
            "inventory_id": "x",
            "destination": Destination(bucket=DESTINATION, region="ap-guangzhou", prefix="inv"),
            **replaced,
        }
    )


def take_report(cos, **replaced):
    hook = COSInventoryHook()
    asked = configuration(**replaced)
    submitted = hook.submit_inventory(bucket=SOURCE, configuration=asked)
    job = InventoryJob(
        job_id=submitted.job_id,
        inventory_id=asked.inventory_id,
        bucket=SOURCE,
        region="ap-guangzhou",
        destination_bucket=DESTINATION,
        report_prefix=f"inv/1250000000/examplebucket/{asked.inventory_id}",
        submitted_at=submitted.server_time,
    )
    cos.deliver_job(submitted.job_id)
    sighting = hook.find_report(job.search(), grace=3)
    return hook.read_manifest(bucket=DESTINATION, manifest_key=sighting.manifest_key, checksum=sighting.checksum)


def test_records_are_what_is_in_the_bucket(cos):
    manifest = take_report(cos, optional_fields=("Size", "StorageClass", "Tag", "x-cos-meta-owner", "Crc64"))
    records = {record.key: record for record in COSInventoryHook().iter_records(manifest)}
    assert {key: record.size for key, record in records.items()} == {
        "logs/2026/a+b.gz": 5,
        "图片/一 二.jpg": 3,
        "readme.txt": 7,
    }
    assert records["logs/2026/a+b.gz"].tags() == {"age": "18"}
    assert records["图片/一 二.jpg"].storage_class == "STANDARD_IA"
    assert records["readme.txt"].metadata == {"x-cos-meta-owner": "li"}
    assert records["readme.txt"].crc64 is not None


def test_records_can_be_read_from_the_manifest_as_it_comes_through_xcom(cos):
    manifest = take_report(cos).as_dict()
    assert len(list(COSInventoryHook().iter_records(manifest))) == 3


def test_the_manifest_knows_its_region_where_the_connection_names_none(cos, monkeypatch):
    manifest = take_report(cos).as_dict()
    connection = {**cos.connection, "extra": {"endpoint_url": cos.url}}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    assert len(list(COSInventoryHook().iter_records(manifest))) == 3


class TestManyFiles:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, rows_per_file=1)

    def test_batches_together_are_the_whole_report(self, cos):
        manifest = take_report(cos)
        batches = manifest.batches(at_most=2)
        assert len(manifest.files) == 3
        assert len(batches) == 2
        hook = COSInventoryHook()
        parts = [[record.key for record in hook.iter_records(manifest, files=batch)] for batch in batches]
        whole = [record.key for record in hook.iter_records(manifest)]
        assert sorted(parts[0] + parts[1]) == sorted(whole)


def test_rules_are_put_read_listed_and_deleted(cos):
    hook = COSInventoryHook()
    rule = configuration(
        inventory_id="weekly",
        schedule=Schedule(frequency="Weekly"),
        filter=InventoryFilter(prefix="logs/", tags=(Tag("age", "18"),)),
        included_object_versions="All",
    )
    hook.put_rule(bucket=SOURCE, configuration=rule)
    assert hook.get_rule(bucket=SOURCE, inventory_id="weekly") == rule
    assert list(hook.list_rules(bucket=SOURCE)) == [rule]
    hook.delete_rule(bucket=SOURCE, inventory_id="weekly")
    hook.delete_rule(bucket=SOURCE, inventory_id="weekly")
    assert hook.get_rule(bucket=SOURCE, inventory_id="weekly") is None
    assert list(hook.list_rules(bucket=SOURCE)) == []


def test_a_rule_of_a_bucket_that_does_not_exist_is_an_error_not_none(cos):
    with pytest.raises(COSInventoryNotFoundError) as raised:
        COSInventoryHook().get_rule(bucket="missing-1250000000", inventory_id="weekly")
    assert raised.value.code == "NoSuchBucket"


@pytest.mark.parametrize("method", ["submit_inventory", "put_rule"])
def test_a_destination_in_another_region_is_refused_before_any_request(cos, method):
    cos.fault(status=500)
    elsewhere = configuration(
        destination=Destination(bucket=DESTINATION, region="ap-beijing"), schedule=Schedule(frequency="Daily")
    )
    with pytest.raises(COSInventoryConfigurationError, match="same region"):
        getattr(COSInventoryHook(), method)(bucket=SOURCE, configuration=elsewhere)
    assert cos.faults()[0]["seen"] == 0


def test_a_connection_of_another_type_is_named(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", '{"conn_type": "aws", "login": "x"}')
    with pytest.raises(COSInventoryConfigurationError, match="is of type 'aws'") as raised:
        COSInventoryHook(cos_conn_id="elsewhere").get_conn()
    assert raised.value.parameter == "cos_conn_id"


# Airflow answers alike where there is none and where the place that has it fails: text that is no JSON stands for that.
@pytest.mark.parametrize("kept", [None, "{"], ids=["missing", "unreadable"])
def test_a_connection_that_airflow_does_not_find_is_named_with_what_to_do_and_may_be_there_later(monkeypatch, kept):
    if kept:
        monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", kept)
    with pytest.raises(COSInventoryTransientError, match="There is no connection 'elsewhere', or") as raised:
        COSInventoryHook(cos_conn_id="elsewhere").get_conn()
    assert raised.value.parameter == "cos_conn_id"
    assert "set AIRFLOW_CONN_ELSEWHERE" in str(raised.value)
    assert "secrets backend" in str(raised.value)


def test_a_hook_keeps_one_client_for_a_region_until_the_connection_is_edited(cos, monkeypatch):
    hook = COSInventoryHook()
    first = hook.client
    assert hook._client_of(hook.settings) is first
    assert hook.renew() is False
    assert hook.client is first
    connection = {**cos.connection, "extra": {**cos.connection["extra"], "timeout": 7}}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    assert hook.renew() is True
    assert hook.client is not first
    assert hook.settings.timeout == 7


def test_the_manifests_region_counts_not_the_hooks(cos):
    manifest = take_report(cos).as_dict()
    assert len(list(COSInventoryHook(region="ap-beijing").iter_records(manifest))) == 3


class TestDestination:
    def destination(self, bucket=DESTINATION):
        return Destination(bucket=bucket, region="ap-guangzhou")

    def test_one_that_is_there_passes(self, cos):
        COSInventoryHook().check_destination(self.destination())

    def test_one_that_says_it_is_elsewhere_is_refused(self, cos):
        cos.fault(method="HEAD", headers={"x-cos-bucket-region": "ap-beijing"}, status=200, body="")
        with pytest.raises(COSInventoryConfigurationError, match="is in ap-beijing"):
            COSInventoryHook().check_destination(self.destination())

    def test_a_wrong_key_is_told_from_a_missing_permission(self, cos, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps({**cos.connection, "password": "wrong"}))
        with pytest.raises(COSInventoryPermissionError, match="Check SecretId and SecretKey") as raised:
            COSInventoryHook().check_destination(self.destination())
        assert raised.value.code == "SignatureDoesNotMatch"
        assert raised.value.bucket == DESTINATION
        assert raised.value.message.startswith(
            "The destination bucket cannot be asked for. Asked for the reason, COS says: GET Service"
        )

    def test_a_missing_permission_says_how_to_do_without(self, cos, monkeypatch):
        cos.add_credential(secret_id="AKIDnarrow", secret_key="n" * 32, deny=["cos:HeadBucket"])
        narrow = {**cos.connection, "login": "AKIDnarrow", "password": "n" * 32}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(narrow))
        with pytest.raises(COSInventoryPermissionError, match="preflight=False"):
            COSInventoryHook().check_destination(self.destination())


def test_nothing_is_looked_up_before_it_is_needed(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_COS_DEFAULT", raising=False)
    assert COSInventoryHook(cos_conn_id="no_such_connection").cos_conn_id == "no_such_connection"


class TestTestConnection:
    def test_good_credentials(self, cos):
        success, message = COSInventoryHook().test_connection()
        assert success, message
        assert message == "COS accepts these credentials. Buckets that they see in ap-guangzhou: 2."

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("login", "AKIDunknown", "SecretId"),
            ("password", "wrongwrongwrong", "SecretKey"),
            ("password", "", "SecretKey (password)"),
        ],
    )
    def test_what_is_wrong_is_said_and_no_secret_is(self, cos, monkeypatch, field, value, said):
        connection = {**cos.connection, field: value}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
        success, message = COSInventoryHook().test_connection()
        assert not success
        assert said in message
        assert cos.connection["password"] not in message
        assert "wrongwrongwrong" not in message

    def test_credentials_that_may_not_list_buckets_are_good_ones(self, cos, monkeypatch):
        cos.add_credential(secret_id="AKIDnarrow", secret_key="n" * 32, deny=["cos:GetService"])
        connection = {**cos.connection, "login": "AKIDnarrow", "password": "n" * 32}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
        success, message = COSInventoryHook().test_connection()
        assert success, message
        assert "may not list buckets" in message

    @pytest.fixture
    def say(self, cos, monkeypatch):
        """Press the button of a connection that names a bucket, by a key that may not do some things."""

        def say(bucket=SOURCE, *, deny=(), **extra):
            cos.add_credential(secret_id="AKIDnarrow", secret_key="n" * 32, deny=deny)
            extra = {**cos.connection["extra"], "bucket": bucket, **extra}
            narrow = {**cos.connection, "login": "AKIDnarrow", "password": "n" * 32, "extra": extra}
            monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(narrow))
            return COSInventoryHook().test_connection()

        return say

    def test_a_bucket_that_is_named_is_asked_for(self, say):
        success, message = say()
        assert success, message
        assert message == (
            f"COS accepts these credentials. Buckets that they see in ap-guangzhou: 2. The bucket {SOURCE} is there."
        )

    def test_a_bucket_decides_where_credentials_may_not_list_buckets(self, say):
        success, message = say(deny=["cos:GetService"])
        assert success, message
        assert message == (f"COS knows these credentials. They may not list buckets. The bucket {SOURCE} is there.")

    @pytest.mark.parametrize("deny", [["cos:HeadBucket"], ["cos:HeadBucket", "cos:GetService"]])
    def test_a_bucket_that_credentials_may_not_ask_for_is_told_with_the_permission(self, say, deny):
        success, message = say(deny=deny)
        assert not success
        assert "They may not ask for the bucket: HEAD Bucket failed: 403 Forbidden." in message
        assert f"bucket: {SOURCE}, status: 403" in message
        assert "Allow them name/cos:HeadBucket" in message

    @pytest.mark.parametrize("deny", [[], ["cos:GetService"]])
    @pytest.mark.parametrize(
        ("bucket", "region"),
        [("missing-1250000000", "ap-guangzhou"), (SOURCE, "ap-beijing")],
        ids=["missing", "elsewhere"],
    )
    def test_a_bucket_that_is_not_in_the_region_is_told_with_it(self, say, bucket, region, deny):
        success, message = say(bucket, region=region, deny=deny)
        assert not success
        assert f"The bucket does not exist in {region}." in message
        assert f"bucket: {bucket}, status: 404" in message
        assert "Correct the bucket or the region of the connection" in message

    def test_a_gateway_that_serves_another_region_is_told(self, cos, say):
        cos.fault(action="HeadBucket", headers={"x-cos-bucket-region": "ap-beijing"})
        success, message = say()
        assert not success
        assert "The bucket is in ap-beijing, not in ap-guangzhou." in message

    def test_a_bucket_without_its_appid_is_told_before_any_request(self, cos, say):
        cos.fault(status=500)
        success, message = say("examplebucket")
        assert not success
        assert "Connection 'cos_default': 'examplebucket' is not a full bucket name. (parameter: bucket)" in message
        assert cos.faults()[0]["seen"] == 0

    def test_an_address_where_nothing_listens(self, cos, monkeypatch, impatient_retries):
        connection = {**cos.connection, "extra": {"region": "ap-guangzhou", "endpoint_url": "http://127.0.0.1:9"}}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
        success, message = COSInventoryHook().test_connection()
        assert not success
        assert "127.0.0.1:9" in message
