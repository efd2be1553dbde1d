# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory import (
    STANDARD_FIELDS,
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Schedule,
    Tag,
)
from airflow_provider_cosinv.inventory.configuration_xml import post_body, put_body
from airflow_provider_cosinv.inventory.names import BucketName, check_region

HERE = Destination(bucket="inventorybucket-1250000000", region="ap-guangzhou")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Nowhere(tzinfo):
    """A zone that does not know its offset: a time in it is naive."""

    def __repr__(self) -> str:
        # Part of a test's name, which is the same in each process.
        return "Nowhere()"

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


def whole(**given: Any) -> InventoryConfiguration:
    return InventoryConfiguration(**{"inventory_id": "id", "destination": HERE, **given})


def destination(**given: Any) -> Destination:
    return Destination(**{"bucket": HERE.bucket, "region": HERE.region, **given})


def conditions(**given: Any) -> InventoryFilter:
    return InventoryFilter(**given)


def schedule(**given: Any) -> Schedule:
    return Schedule(**given)


WRONG = [
    (whole, {"inventory_id": "a b"}, "inventory_id"),
    (whole, {"inventory_id": "a/b"}, "inventory_id"),
    (whole, {"inventory_id": "清单"}, "inventory_id"),
    (whole, {"inventory_id": "a\n"}, "inventory_id"),
    (whole, {"inventory_id": ""}, "inventory_id"),
    (whole, {"inventory_id": ".."}, "inventory_id"),
    (whole, {"inventory_id": None}, "inventory_id"),
    (whole, {"inventory_id": "a" * 65}, "inventory_id"),
    (whole, {"included_object_versions": "all"}, "included_object_versions"),
    (whole, {"optional_fields": ("Sise",)}, "optional_fields"),
    (whole, {"optional_fields": ("size",)}, "optional_fields"),
    (whole, {"optional_fields": ("Size", "Size")}, "optional_fields"),
    (whole, {"optional_fields": ("x-cos-meta-a", "x-cos-meta-A")}, "optional_fields"),
    (whole, {"optional_fields": ("x-cos-meta-",)}, "optional_fields"),
    (whole, {"optional_fields": ("x-cos-meta-a b",)}, "optional_fields"),
    (whole, {"optional_fields": "Size"}, "optional_fields"),
    (whole, {"optional_fields": 1}, "optional_fields"),
    (whole, {"optional_fields": (1,)}, "optional_fields"),
    (whole, {"filter": InventoryFilter(tags=(Tag("age", "18"),)), "optional_fields": ("Size",)}, "optional_fields"),
    (destination, {"bucket": "examplebucket"}, "destination_bucket"),
    (destination, {"bucket": "examplebucket-"}, "destination_bucket"),
    (destination, {"bucket": "-1250000000"}, "destination_bucket"),
    (destination, {"bucket": "Example-1250000000"}, "destination_bucket"),
    (destination, {"bucket": "a_b-1250000000"}, "destination_bucket"),
    (destination, {"bucket": "b-１２５"}, "destination_bucket"),
    (destination, {"bucket": "b-1250000000\n"}, "destination_bucket"),
    (destination, {"bucket": None}, "destination_bucket"),
    (destination, {"region": "guangzhou"}, "destination region"),
    (destination, {"region": "ap-guangzhou.evil.example"}, "destination region"),
    (destination, {"region": None}, "destination region"),
    (destination, {"prefix": "a\x00b"}, "destination_prefix"),
    (destination, {"prefix": 1}, "destination_prefix"),
    (destination, {"account_id": "root"}, "account_id"),
    (destination, {"account_id": "²"}, "account_id"),
    (destination, {"account_id": ""}, "account_id"),
    (destination, {"account_id": 100000000001}, "account_id"),
    (destination, {"encryption": "SSE-KMS"}, "encryption"),
    (destination, {"encryption": "SSECOS"}, "encryption"),
    (conditions, {"prefix": "a\rb"}, "prefix"),
    (conditions, {"prefix": "\x1b[0m"}, "prefix"),
    (conditions, {"prefix": "\ud800"}, "prefix"),
    (conditions, {"prefix": "\uffff"}, "prefix"),
    (conditions, {"prefix": 7}, "prefix"),
    (conditions, {"tags": (Tag("", "18"),)}, "tags"),
    (conditions, {"tags": (Tag("age\x00", "18"),)}, "tags"),
    (conditions, {"tags": (Tag("age", "\x08"),)}, "tags"),
    (conditions, {"tags": (Tag("age", 18),)}, "tags"),  # type: ignore[arg-type]
    (conditions, {"tags": (Tag("age", None),)}, "tags"),  # type: ignore[arg-type]
    (conditions, {"tags": {"age": "18"}}, "tags"),
    (conditions, {"storage_classes": ("",)}, "storage_classes"),
    (conditions, {"storage_classes": (" STANDARD",)}, "storage_classes"),
    (conditions, {"storage_classes": ("A\x00",)}, "storage_classes"),
    (conditions, {"storage_classes": (1,)}, "storage_classes"),
    (conditions, {"storage_classes": "STANDARD"}, "storage_classes"),
    (conditions, {"created_after": datetime(2026, 1, 1)}, "created_after"),  # noqa: DTZ001  naive on purpose
    (conditions, {"created_before": datetime(2026, 1, 1)}, "created_before"),  # noqa: DTZ001
    (conditions, {"created_after": datetime(2026, 1, 1, tzinfo=Nowhere())}, "created_after"),
    (conditions, {"created_after": "2026-01-01T00:00:00Z"}, "created_after"),
    (conditions, {"created_after": NEW_YEAR + timedelta(seconds=1), "created_before": NEW_YEAR}, "created_after"),
    (conditions, {"created_after": datetime(1970, 8, 23, tzinfo=timezone.utc)}, "created_after"),
    (conditions, {"created_before": datetime(2286, 11, 21, tzinfo=timezone.utc)}, "created_before"),
    (schedule, {"frequency": "daily"}, "frequency"),
    (schedule, {"frequency": "Hourly"}, "frequency"),
    (schedule, {"frequency": "Daily", "monthly_date": 1}, "monthly_date"),
    (schedule, {"frequency": "Monthly", "monthly_date": 0}, "monthly_date"),
    (schedule, {"frequency": "Monthly", "monthly_date": 32}, "monthly_date"),
    (schedule, {"frequency": "Monthly", "monthly_date": "5"}, "monthly_date"),
    (schedule, {"frequency": "Monthly", "monthly_date": True}, "monthly_date"),
    (schedule, {"frequency": "Monthly", "monthly_date": 1.5}, "monthly_date"),
]


@pytest.mark.parametrize(("make", "values", "parameter"), WRONG, ids=[f"{w[0].__name__} {w[1]!a}" for w in WRONG])
def test_a_wrong_value_raises_at_construction_and_is_named(make: Any, values: dict[str, Any], parameter: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        make(**values)

    assert raised.value.parameter == parameter
    assert raised.value.hint, "the error says what to do"


def test_a_destination_in_another_region_is_refused() -> None:
    with pytest.raises(COSInventoryConfigurationError, match="ap-guangzhou, the source bucket in ap-beijing") as raised:
        whole(destination=HERE, source_region="ap-beijing")

    assert raised.value.parameter == "destination_bucket"
    assert whole(destination=HERE, source_region="ap-guangzhou") == whole(destination=HERE)


def test_every_standard_column_is_asked_for_by_default() -> None:
    assert whole().optional_fields == STANDARD_FIELDS


def test_a_period_may_begin_and_end_at_the_same_moment() -> None:
    elsewhere = NEW_YEAR.astimezone(timezone(timedelta(hours=8)))

    assert conditions(created_after=NEW_YEAR, created_before=elsewhere).created_before == NEW_YEAR


@pytest.mark.parametrize("inventory_id", ["a", "a" * 64, "A.b_C-9", "-", "...", "daily.1"])
def test_every_character_that_the_page_allows_makes_an_id(inventory_id: str) -> None:
    assert whole(inventory_id=inventory_id).inventory_id == inventory_id


def test_a_bucket_name_falls_into_name_and_appid_at_the_last_hyphen() -> None:
    bucket = BucketName.parse("my-example-1-1250000000")

    assert (bucket.name, bucket.appid, str(bucket)) == ("my-example-1", "1250000000", "my-example-1-1250000000")


@pytest.mark.parametrize("region", ["ap-guangzhou", "ap-shenzhen-fsi", "ap-beijing-1", "na-siliconvalley"])
def test_regions_are_taken_as_cos_spells_them(region: str) -> None:
    assert check_region(region) == region


def test_a_periodic_inventory_needs_a_schedule_to_be_written() -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        put_body(whole())

    assert raised.value.parameter == "frequency"


@pytest.mark.parametrize("write", [post_body, put_body])
def test_a_format_that_cos_does_not_write_can_be_read_but_not_submitted(write: Any) -> None:
    orc = whole(destination=destination(file_format="ORC"), schedule=Schedule(frequency="Daily"))

    with pytest.raises(COSInventoryConfigurationError) as raised:
        write(orc)
    assert raised.value.parameter == "file_format"
