# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
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


@pytest.mark.parametrize(
    ("connection", "said"),
    [(None, "There is no connection 'elsewhere'"), ('{"conn_type": "aws", "login": "x"}', "is of type 'aws'")],
)
def test_a_connection_that_cannot_be_the_right_one_is_named(monkeypatch, connection, said):
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", connection)
    with pytest.raises(COSInventoryConfigurationError, match=said) as raised:
        COSInventoryHook(cos_conn_id="elsewhere").get_conn()
    assert raised.value.parameter == "cos_conn_id"


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

    def test_an_address_where_nothing_listens(self, cos, monkeypatch, impatient_retries):
        connection = {**cos.connection, "extra": {"region": "ap-guangzhou", "endpoint_url": "http://127.0.0.1:9"}}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
        success, message = COSInventoryHook().test_connection()
        assert not success
        assert "127.0.0.1:9" in message
