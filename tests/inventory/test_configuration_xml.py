# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import xmltodict  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos.cos_comm import format_xml, xml_to_dict

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory import (
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Schedule,
    Tag,
)
from airflow_provider_cosinv.inventory.configuration_xml import post_body, put_body, read_configuration
from airflow_provider_cosinv.inventory.xml import parse_xml
from tests.inventory.strategies import configurations

# The sample of 436/46869, with the page's prolog mended: it lacks the second question mark.
SAMPLE = b"""<?xml version = "1.0" encoding = "UTF-8"?>
<InventoryConfiguration xmlns = "http://....">
<Id>disposable</Id>
<Destination>
<COSBucketDestination>
<Format>CSV</Format>
<AccountId>100000000001</AccountId>
<Bucket>qcs::cos:ap-guangzhou::inventorybucket-1250000000</Bucket>
<Prefix>cos_bucket_inventory</Prefix>
</COSBucketDestination>
</Destination>
<Filter>
<And>
<Prefix>myPrefix</Prefix>
<Tag>
<Key>age</Key>
<Value>18</Value>
</Tag>
</And>
</Filter>
<IncludedObjectVersions>All</IncludedObjectVersions>
<OptionalFields>
<Field>Size</Field>
<Field>LastModifiedDate</Field>
<Field>StorageClass</Field>
<Field>ETag</Field>
<Field>Tag</Field>
</OptionalFields>
</InventoryConfiguration>
"""
DISPOSABLE = InventoryConfiguration(
    inventory_id="disposable",
    destination=Destination(
        bucket="inventorybucket-1250000000",
        region="ap-guangzhou",
        prefix="cos_bucket_inventory",
        account_id="100000000001",
    ),
    included_object_versions="All",
    filter=InventoryFilter(prefix="myPrefix", tags=(Tag("age", "18"),)),
    optional_fields=("Size", "LastModifiedDate", "StorageClass", "ETag", "Tag"),
)
PERIODIC = dataclasses.replace(
    DISPOSABLE,
    destination=dataclasses.replace(DISPOSABLE.destination, encryption="SSE-COS"),
    filter=InventoryFilter(
        prefix="清单/",
        tags=(Tag("age", "18"), Tag("城市", "")),
        storage_classes=("STANDARD",),
        created_after=datetime(2019, 9, 17, 2, 52, 41, tzinfo=timezone.utc),
        created_before=datetime(2026, 1, 1, tzinfo=timezone.utc),
    ),
    optional_fields=("Tag", "x-cos-meta-*", "x-cos-meta-author"),
    schedule=Schedule(frequency="Monthly", monthly_date=31),
    is_enabled=False,
)


def shape(document: bytes) -> Any:
    """A document without its white space, as nested lists."""

    def walk(element: Any) -> Any:
        return [element.tag, (element.text or "").strip(), [walk(child) for child in element]]

    return walk(parse_xml(document))


def edited(old: bytes, new: bytes, document: bytes = SAMPLE) -> bytes:
    assert document.count(old) == 1
    return document.replace(old, new)


def test_the_sample_of_the_page_is_read() -> None:
    assert read_configuration(SAMPLE) == DISPOSABLE


def test_the_sample_of_the_page_is_written_element_by_element() -> None:
    assert shape(post_body(DISPOSABLE)) == shape(SAMPLE)


def test_the_first_sample_of_the_page_with_encryption_and_every_field_is_read() -> None:
    read = read_configuration(
        b"<InventoryConfiguration><Id>inventory-id</Id><Destination><COSBucketDestination><Format>CSV</Format>"
        b"<AccountId>100000000001</AccountId><Bucket>qcs::cos:ap-guangzhou::examplebucket-1250000000</Bucket>"
        b"<Prefix>cos_bucket_inventory</Prefix><Encryption>\n<SSE-COS></SSE-COS>\n</Encryption>"
        b"</COSBucketDestination></Destination><Filter><And><Prefix>myPrefix</Prefix><Tag><Key>string</Key>"
        b"<Value>string</Value></Tag></And></Filter><IncludedObjectVersions>All</IncludedObjectVersions>"
        b"<OptionalFields><Field>Size</Field><Field>LastModifiedDate</Field><Field>ETag</Field>"
        b"<Field>StorageClass</Field><Field>IsMultipartUploaded</Field><Field>ReplicationStatus</Field>"
        b"<Field>Tag</Field><Field>Crc64</Field><Field>x-cos-meta-*</Field></OptionalFields></InventoryConfiguration>"
    )

    assert read.destination.encryption == "SSE-COS"
    assert read.optional_fields[-2:] == ("Crc64", "x-cos-meta-*")


def test_every_element_of_a_rule_is_written_where_the_page_has_it() -> None:
    root = parse_xml(put_body(PERIODIC))
    there = {
        path: [element.text for element in root.findall(path)]
        for path in (
            "Id",
            "IsEnabled",
            "IncludedObjectVersions",
            "Filter/And/Prefix",
            "Filter/And/Tag/Key",
            "Filter/And/Tag/Value",
            "Filter/And/StorageClass",
            "Filter/Period/StartTime",
            "Filter/Period/EndTime",
            "OptionalFields/Field",
            "Schedule/Frequency",
            "Schedule/MonthlyDate",
            "Destination/COSBucketDestination/Format",
            "Destination/COSBucketDestination/AccountId",
            "Destination/COSBucketDestination/Bucket",
            "Destination/COSBucketDestination/Prefix",
            "Destination/COSBucketDestination/Encryption/SSE-COS",
        )
    }

    assert there == {
        "Id": ["disposable"],
        "IsEnabled": ["false"],
        "IncludedObjectVersions": ["All"],
        "Filter/And/Prefix": ["清单/"],
        "Filter/And/Tag/Key": ["age", "城市"],
        "Filter/And/Tag/Value": ["18", None],
        "Filter/And/StorageClass": ["STANDARD"],
        "Filter/Period/StartTime": ["1568688761"],
        "Filter/Period/EndTime": ["1767225600"],
        "OptionalFields/Field": ["Tag", "x-cos-meta-*", "x-cos-meta-author"],
        "Schedule/Frequency": ["Monthly"],
        "Schedule/MonthlyDate": ["31"],
        "Destination/COSBucketDestination/Format": ["CSV"],
        "Destination/COSBucketDestination/AccountId": ["100000000001"],
        "Destination/COSBucketDestination/Bucket": ["qcs::cos:ap-guangzhou::inventorybucket-1250000000"],
        "Destination/COSBucketDestination/Prefix": ["cos_bucket_inventory"],
        "Destination/COSBucketDestination/Encryption/SSE-COS": [None],
    }


def test_a_one_time_inventory_writes_neither_is_enabled_nor_schedule() -> None:
    tags = {child.tag for child in parse_xml(post_body(PERIODIC))}

    assert tags == {"Id", "Destination", "Filter", "IncludedObjectVersions", "OptionalFields"}


@given(configurations())
def test_any_rule_survives_put_and_back(configuration: InventoryConfiguration) -> None:
    assert read_configuration(put_body(configuration)) == configuration


@given(configurations())
def test_any_one_time_inventory_survives_post_and_back(configuration: InventoryConfiguration) -> None:
    expected = dataclasses.replace(configuration, schedule=None, is_enabled=True)

    assert read_configuration(post_body(configuration)) == expected


@given(configurations())
def test_another_xml_parser_reads_what_is_written(configuration: InventoryConfiguration) -> None:
    root = fromstring(put_body(configuration))

    assert root.findtext("Id") == configuration.inventory_id
    assert len(root.findall("OptionalFields/Field")) == len(configuration.optional_fields)
    tags = [(tag.findtext("Key"), tag.findtext("Value")) for tag in root.iter("Tag")]
    assert tags == [(tag.key, tag.value) for tag in configuration.filter.tags]


@pytest.mark.parametrize(
    ("conditions", "path"),
    [
        (InventoryFilter(prefix="a"), "Filter/Prefix"),
        (InventoryFilter(prefix="a", tags=(Tag("k", "v"),)), "Filter/And/Prefix"),
        (InventoryFilter(prefix="a", storage_classes=("STANDARD",)), "Filter/And/Prefix"),
    ],
    ids=["prefix alone", "with a tag", "with a storage class"],
)
def test_the_container_and_is_written_only_where_conditions_meet(conditions: InventoryFilter, path: str) -> None:
    root = parse_xml(post_body(dataclasses.replace(DISPOSABLE, filter=conditions)))

    assert [element.text for element in root.iter("Prefix")] == ["cos_bucket_inventory", "a"]
    assert root.findtext(path) == "a"


def test_a_filter_without_conditions_is_not_written() -> None:
    for conditions in (InventoryFilter(), InventoryFilter(prefix="")):
        assert b"Filter" not in post_body(dataclasses.replace(DISPOSABLE, filter=conditions))


@pytest.mark.parametrize(
    "written",
    [
        b"<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter>",
        b"<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>",
        b"<Filter><Prefix>p</Prefix><And><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>",
    ],
    ids=["bare", "in And", "both"],
)
def test_both_shapes_of_a_filter_are_read(written: bytes) -> None:
    start, end = SAMPLE.index(b"<Filter>"), SAMPLE.index(b"</Filter>") + len(b"</Filter>")

    read = read_configuration(SAMPLE[:start] + written + SAMPLE[end:])

    assert read.filter == InventoryFilter(prefix="p", tags=(Tag("k", "v"),))


@pytest.mark.parametrize(
    "written",
    [
        b"<Encryption><SSE-COS></SSE-COS></Encryption>",
        b"<Encryption><SSE-COS/></Encryption>",
        b"<Encryption><SSECOS></SSECOS></Encryption>",
        b"<SSE-COS></SSE-COS>",
        b"<SSECOS/>",
    ],
)
def test_every_spelling_of_encryption_is_read(written: bytes) -> None:
    document = edited(b"</COSBucketDestination>", written + b"</COSBucketDestination>")

    assert read_configuration(document).destination.encryption == "SSE-COS"


def test_an_empty_encryption_element_is_none() -> None:
    document = edited(b"</COSBucketDestination>", b"<Encryption/></COSBucketDestination>")

    assert read_configuration(document).destination.encryption is None


def test_a_rule_without_optional_elements_is_read() -> None:
    read = read_configuration(
        b"<InventoryConfiguration><Id>a</Id><IsEnabled>True</IsEnabled><Filter/><OptionalFields/>"
        b"<IncludedObjectVersions>Current</IncludedObjectVersions><Destination><COSBucketDestination>"
        b"<Format>CSV</Format><Bucket>qcs::cos:ap-beijing::b-1</Bucket><Prefix/></COSBucketDestination></Destination>"
        b"<Schedule><Frequency>Weekly</Frequency></Schedule></InventoryConfiguration>"
    )

    assert read == InventoryConfiguration(
        inventory_id="a",
        destination=Destination(bucket="b-1", region="ap-beijing"),
        optional_fields=(),
        schedule=Schedule(frequency="Weekly"),
    )


def test_the_misprinted_field_of_the_list_page_is_read_as_what_it_means() -> None:
    document = edited(b"<Field>Size</Field>", b"<Field>IsMultipartUpload</Field>")

    assert read_configuration(document).optional_fields[0] == "IsMultipartUploaded"


@pytest.mark.parametrize(
    ("document", "parameter"),
    [
        (edited(b"<Id>disposable</Id>", b""), "Id"),
        (edited(b"<Id>disposable</Id>", b"<Id>a b</Id>"), "inventory_id"),
        (edited(b"All", b""), "IncludedObjectVersions"),
        (edited(b"All", b"Some"), "included_object_versions"),
        (edited(b"<Format>CSV</Format>", b""), "Destination/COSBucketDestination/Format"),
        (edited(b"qcs::cos:ap-guangzhou::", b""), "Destination/COSBucketDestination/Bucket"),
        (edited(b"qcs::cos:ap-guangzhou::", b"arn:aws:s3:::"), "Destination/COSBucketDestination/Bucket"),
        (edited(b"inventorybucket-1250000000", b"inventorybucket"), "destination_bucket"),
        (edited(b"ap-guangzhou", b"?"), "destination region"),
        (edited(b"100000000001", "²".encode()), "account_id"),
        (edited(b"<Field>Size</Field>", b"<Field>Sise</Field>"), "optional_fields"),
        (edited(b"<Field>Tag</Field>", b""), "optional_fields"),
        (edited(b"<Key>age</Key>", b""), "tags"),
        (edited(b"<Filter>", b"<Filter><Period><StartTime>x</StartTime></Period>"), "Filter/Period/StartTime"),
        (edited(b"<Filter>", b"<Filter><Period><EndTime>1e99</EndTime></Period>"), "Filter/Period/EndTime"),
        (
            edited(b"<Filter>", b"<Filter><Period><EndTime>" + b"9" * 30 + b"</EndTime></Period>"),
            "Filter/Period/EndTime",
        ),
        (
            edited(
                b"<Filter>", b"<Filter><Period><StartTime>1767225602</StartTime><EndTime>1767225601</EndTime></Period>"
            ),
            "created_after",
        ),
        (edited(b"<Filter>", b"<IsEnabled>perhaps</IsEnabled><Filter>"), "IsEnabled"),
        (edited(b"<Filter>", b"<Schedule><Frequency>Hourly</Frequency></Schedule><Filter>"), "frequency"),
        *(
            (
                edited(
                    b"<Filter>",
                    f"<Schedule><Frequency>Monthly</Frequency><MonthlyDate>{day}</MonthlyDate></Schedule><Filter>".encode(),
                ),
                parameter,
            )
            for day, parameter in [
                ("x", "Schedule/MonthlyDate"),
                ("²", "Schedule/MonthlyDate"),
                ("9" * 5000, "Schedule/MonthlyDate"),
                ("-1", "Schedule/MonthlyDate"),
                ("32", "monthly_date"),
            ]
        ),
        (b"<ListInventoryConfigurationResult/>", "InventoryConfiguration"),
        (b"", "InventoryConfiguration"),
        (b'<?xml version="1.0" encoding="nonsense"?><InventoryConfiguration/>', "InventoryConfiguration"),
        (
            b"<!DOCTYPE a [<!ENTITY e 'x'>]><InventoryConfiguration>&e;</InventoryConfiguration>",
            "InventoryConfiguration",
        ),
    ],
)
def test_a_wrong_document_is_refused_and_the_element_named(document: bytes, parameter: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        read_configuration(document)

    assert raised.value.parameter == parameter


@pytest.mark.parametrize(
    "text", ["20260101", "2026", "0", "999999999", "1767225600000", "1_767225600", "+1767225600", "\u0661" * 10]
)
def test_a_time_of_a_filter_is_ten_digits_of_unix_seconds(text: str) -> None:
    document = edited(b"<Filter>", f"<Filter><Period><EndTime>{text}</EndTime></Period>".encode())

    with pytest.raises(COSInventoryConfigurationError, match="is not a time") as raised:
        read_configuration(document)

    assert raised.value.parameter == "Filter/Period/EndTime"


@given(st.binary())
def test_garbage_is_refused_within_the_error_tree(data: bytes) -> None:
    with pytest.raises(COSInventoryConfigurationError):
        read_configuration(data)


_PUT = put_body(PERIODIC)


@given(
    position=st.integers(0, len(_PUT)),
    length=st.integers(0, 40),
    inserted=st.one_of(st.binary(max_size=20), st.text(max_size=10).map(lambda text: text.encode("utf-8", "replace"))),
)
def test_a_damaged_document_is_read_or_refused_within_the_error_tree(
    position: int, length: int, inserted: bytes
) -> None:
    _read_or_refuse(_PUT[:position] + inserted + _PUT[position + length :])


@given(st.data())
def test_a_document_with_any_texts_in_its_elements_is_read_or_refused_within_the_error_tree(
    data: st.DataObject,
) -> None:
    document: dict[str, Any] = xmltodict.parse(put_body(PERIODIC))
    values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
        ["", "²", "1" * 5000, "-1", "true", "CSV", "Daily", "qcs::cos:::", "qcs::cos:ap-x::b-1", "x-cos-meta-"]
    )

    def scramble(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: scramble(child) for name, child in node.items() if data.draw(st.integers(0, 9)) > 0}
        if isinstance(node, list):
            return [scramble(child) for child in node]
        return data.draw(values) if data.draw(st.integers(0, 3)) == 0 else node

    root = scramble(document["InventoryConfiguration"])
    _read_or_refuse(xmltodict.unparse({"InventoryConfiguration": root}).encode())


def _read_or_refuse(document: bytes) -> None:
    try:
        read = read_configuration(document)
    except COSInventoryConfigurationError:
        return
    if read.schedule is not None and read.destination.file_format == "CSV":
        assert read_configuration(put_body(read)) == read


# As the documentation of the Python SDK has it: Id last, SSECOS, lists for what repeats.
_OF_THE_SDK: dict[str, Any] = {
    "Destination": {
        "COSBucketDestination": {
            "AccountId": "100000000001",
            "Bucket": "qcs::cos:ap-guangzhou::examplebucket-1250000000",
            "Format": "CSV",
            "Prefix": "list1",
            "Encryption": {"SSECOS": {}},
        }
    },
    "IsEnabled": "True",
    "Filter": {
        "And": {
            "Prefix": "前缀 & <x>",
            "Tag": [{"Key": "age", "Value": "18"}, {"Key": "b", "Value": None}],
            "StorageClass": ["STANDARD", "ARCHIVE"],
        },
        "Period": {"StartTime": 1568688761, "EndTime": "1568688762"},
    },
    "IncludedObjectVersions": "All",
    "OptionalFields": {"Field": ["Size", "Tag", "x-cos-meta-author"]},
    "Schedule": {"Frequency": "Daily"},
    "Id": "list1",
}


@pytest.mark.parametrize(
    "write",
    [
        lambda body: format_xml(data=body, root="InventoryConfiguration"),
        lambda body: xmltodict.unparse({"InventoryConfiguration": body}, pretty=True).encode(),
    ],
    ids=["by the SDK", "indented"],
)
def test_what_the_sdk_writes_is_read(write: Callable[[Any], bytes]) -> None:
    assert read_configuration(write(_OF_THE_SDK)) == InventoryConfiguration(
        inventory_id="list1",
        destination=Destination(
            bucket="examplebucket-1250000000",
            region="ap-guangzhou",
            prefix="list1",
            account_id="100000000001",
            encryption="SSE-COS",
        ),
        included_object_versions="All",
        filter=InventoryFilter(
            prefix="前缀 & <x>",
            tags=(Tag("age", "18"), Tag("b", "")),
            storage_classes=("STANDARD", "ARCHIVE"),
            created_after=datetime.fromtimestamp(1568688761, timezone.utc),
            created_before=datetime.fromtimestamp(1568688762, timezone.utc),
        ),
        optional_fields=("Size", "Tag", "x-cos-meta-author"),
        schedule=Schedule(frequency="Daily"),
    )


def test_the_sdk_reads_what_is_written() -> None:
    read = xml_to_dict(put_body(PERIODIC))

    assert read["Filter"]["And"]["Tag"] == [{"Key": "age", "Value": "18"}, {"Key": "城市", "Value": None}]
    assert read["OptionalFields"]["Field"] == ["Tag", "x-cos-meta-*", "x-cos-meta-author"]
    assert read["Schedule"] == {"Frequency": "Monthly", "MonthlyDate": "31"}
    assert read["Destination"]["COSBucketDestination"]["Encryption"] == {"SSE-COS": None}
