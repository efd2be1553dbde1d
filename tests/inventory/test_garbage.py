# SPDX-License-Identifier: Apache-2.0
"""What COS or a gateway answers and what people write into a connection: read, or an error of the tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from airflow.sdk import Connection
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.operations import GET_OBJECT, COSRequest
from airflow_provider_cosinv.cos.protocol.responses import Answer, refusal
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryError, error_from_dict
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.connection import read_connection
from tests.inventory.strategies import damaged, json_values, scrambled

BUCKET = "examplebucket-1250000000"
REGION = "ap-guangzhou"
SECRET = "secretsecretsecret"
ERROR = (
    b"<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>AccessDenied</Code>\n\t<Message>Access Denied."
    b"</Message>\n\t<Resource>examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com</Resource>\n\t<RequestId>NTk0</RequestId>"
    b"\n\t<TraceId>OGVm</TraceId>\n</Error>"
)
OBJECTS = (
    b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>b%20c</NextMarker>"
    b"<Contents><Key>a%2Bb</Key><LastModified>2019-05-24T10:56:40.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
    b"<Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>"
    b"<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>"
)
INVENTORIES = (
    b"<ListInventoryConfigurationResult><InventoryConfiguration><Id>a</Id><IsEnabled>True</IsEnabled>"
    b"<IncludedObjectVersions>Current</IncludedObjectVersions><Destination><COSBucketDestination><Format>CSV</Format>"
    b"<Bucket>qcs::cos:ap-beijing::b-1</Bucket></COSBucketDestination></Destination><Schedule><Frequency>Weekly"
    b"</Frequency></Schedule></InventoryConfiguration><IsTruncated>true</IsTruncated><ContinuationToken/>"
    b"<NextContinuationToken>2</NextContinuationToken></ListInventoryConfigurationResult>"
)
BUCKETS = (
    b"<ListAllMyBucketsResult><Owner><ID>qcs::cam::uin/1:uin/1</ID></Owner><Buckets><Bucket><Name>b-1</Name>"
    b"<Location>ap-guangzhou</Location></Bucket></Buckets></ListAllMyBucketsResult>"
)
LISTINGS: dict[str, tuple[bytes, Callable[[COSClient], Any]]] = {
    "objects": (OBJECTS, lambda client: list(client.list_objects(BUCKET))),
    "inventories": (INVENTORIES, lambda client: list(client.list_bucket_inventory(BUCKET))),
    "buckets": (BUCKETS, lambda client: client.list_buckets()),
}
FIELDS = list(get_provider_info()["connection-types"][0]["conn-fields"])


@given(
    status=st.integers(100, 599).filter(lambda status: not 200 <= status < 300),
    headers=st.dictionaries(
        st.sampled_from(["x-cos-request-id", "x-cos-trace-id", "location", "date", "content-length"]),
        st.text(max_size=30) | st.just("http://[") | st.just("Sun, 99 Nov 2022 02:53:38 GMT"),
    ),
    body=st.binary(max_size=200) | damaged(ERROR) | scrambled(ERROR),
    key=st.none() | st.just("inv/manifest.json"),
)
def test_any_refusal_is_an_error_of_the_tree_that_can_be_told_and_sent(
    status: int, headers: dict[str, str], body: bytes, key: str | None
) -> None:
    answer = Answer(status=status, headers=headers, body=body)

    error = refusal(answer, COSRequest(operation=GET_OBJECT, bucket=BUCKET, key=key), region=REGION)

    assert isinstance(error, COSInventoryError)
    assert (error.status, error.bucket, error.key) == (status, BUCKET, key)
    assert error.message in str(error)
    assert str(error_from_dict(json.loads(json.dumps(error.as_dict())))) == str(error)


@pytest.fixture(scope="module")
def cos() -> Iterator[COSEmulator]:
    with COSEmulator() as started:
        started.create_bucket(BUCKET)
        yield started


@pytest.fixture(scope="module")
def client(cos: COSEmulator) -> Iterator[COSClient]:
    credentials = Credentials(cos.connection["login"], cos.connection["password"])
    quick = RetryPolicy(attempts=2, throttled_attempts=2, first_wait=0.001, max_wait=0.002)
    with COSClient(
        settings=ClientSettings(credentials=credentials, region=REGION, endpoint_url=cos.url), retry_policy=quick
    ) as opened:
        yield opened


@pytest.mark.parametrize(("page", "ask"), LISTINGS.values(), ids=LISTINGS)
@given(data=st.data())
def test_any_page_of_a_listing_is_read_or_refused_within_the_error_tree(
    cos: COSEmulator, client: COSClient, page: bytes, ask: Callable[[COSClient], Any], data: st.DataObject
) -> None:
    body = data.draw(damaged(page) | scrambled(page) | st.binary(max_size=50)).decode("utf-8", "ignore")
    status = data.draw(st.sampled_from([200, 200, 200, 404, 500]))
    cos.clear_faults()
    cos.fault(status=status, body=body, times=None)

    with suppress(COSInventoryError):
        assert isinstance(ask(client), list)


@given(st.text(max_size=50) | json_values.map(json.dumps) | damaged(b'{"region": "ap-x"}').map(repr))
def test_any_extra_of_a_connection_is_read_or_refused_by_name(extra: str) -> None:
    _read_or_refuse(extra, login="AKIDx", password=SECRET)


@given(
    extra=st.dictionaries(
        st.sampled_from(FIELDS),
        json_values
        | st.sampled_from([10**400, "1e999", "http://[", "http://a:99999", "ap-x", {"https": "//"}, SECRET]),
    ),
    login=st.none() | st.text(max_size=10) | st.just("AKIDx"),
    password=st.none() | st.text(max_size=10) | st.just(SECRET),
)
def test_any_value_in_a_field_of_a_connection_is_read_or_refused_by_name(
    extra: dict[str, Any], login: str | None, password: str | None
) -> None:
    _read_or_refuse(json.dumps({"region": "ap-x", **extra}), login=login, password=password)


@pytest.mark.parametrize("extra", ["[" * 100_000, '{"a":' * 100_000], ids=["lists", "objects"])
def test_an_extra_of_a_hundred_thousand_levels_is_refused(extra: str) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="extra is not a JSON object"):
        read_connection(
            Connection(conn_id="c", conn_type="cos", login="AKIDx", password=SECRET, extra=extra), region=None
        )


@pytest.mark.parametrize(
    ("field", "value"), [("endpoint_url", 5), ("endpoint_url", ["http://a"]), ("timeout", 10**400)], ids=repr
)
def test_a_value_of_another_type_is_refused_and_its_field_named(field: str, value: object) -> None:
    extra = json.dumps({"region": "ap-x", field: value})
    with pytest.raises(COSInventoryConfigurationError) as raised:
        read_connection(
            Connection(conn_id="c", conn_type="cos", login="AKIDx", password=SECRET, extra=extra), region=None
        )

    assert raised.value.parameter == field
    assert len(str(raised.value)) < 300


def _read_or_refuse(extra: str, *, login: str | None, password: str | None) -> None:
    connection = Connection(conn_id="c", conn_type="cos", login=login, password=password, extra=extra)
    refused = None
    try:
        assert isinstance(read_connection(connection, region=None), ClientSettings)
    except COSInventoryConfigurationError as error:
        refused = error
    if refused:
        assert refused.parameter
        assert password != SECRET or SECRET in extra or SECRET not in str(refused)
