# SPDX-License-Identifier: Apache-2.0
"""Listing objects."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.cos.answers import read_document
from airflow_provider_cosinv.cos.listing import entries, next_marker
from airflow_provider_cosinv.cos.results import CommonPrefix, ListedObject
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryRequestError

from .conftest import BUCKET
from .scripted_server import Reply


def page_of(*keys, prefixes=(), marker=None, encoded=True, truncated=None, size="3"):
    name = quote if encoded else str
    contents = "".join(
        f"<Contents><Key>{name(key)}</Key><LastModified>2019-05-24T10:56:40.000Z</LastModified>"
        f'<ETag>"e"</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        for key in keys
    )
    folders = "".join(f"<CommonPrefixes><Prefix>{name(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes)
    return (
        "<?xml version='1.0' encoding='utf-8' ?><ListBucketResult xmlns='http://x'>"
        f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"<IsTruncated>{'true' if (marker or truncated) else 'false'}</IsTruncated>"
        f"{f'<NextMarker>{name(marker)}</NextMarker>' if marker else ''}{contents}{folders}</ListBucketResult>"
    ).encode()


def query(seen):
    return {name: values[0] for name, values in parse_qs(seen.target.partition("?")[2]).items()}


def test_all_pages_of_a_prefix_come_with_their_properties(client, server):
    server.answer(
        Reply(body=page_of("inv/a b", "inv/a+b", prefixes=["inv/x/"], marker="inv/x/")),
        Reply(body=page_of("inv/中")),
    )
    found = list(client.list_objects(BUCKET, prefix="inv/", delimiter="/", max_keys=3))
    assert [entry.key if isinstance(entry, ListedObject) else entry for entry in found] == [
        "inv/a b",
        "inv/a+b",
        CommonPrefix(prefix="inv/x/"),
        "inv/中",
    ]
    assert found[0] == ListedObject(
        key="inv/a b",
        size=3,
        etag="e",
        last_modified=datetime(2019, 5, 24, 10, 56, 40, tzinfo=timezone.utc),
        storage_class="STANDARD",
    )
    first = {"prefix": "inv/", "delimiter": "/", "max-keys": "3", "encoding-type": "url"}
    assert [query(seen) for seen in server.seen] == [first, {**first, "marker": "inv/x/"}]


def test_an_empty_bucket_lists_nothing(client, server):
    server.answer(Reply(body=page_of()))
    assert list(client.list_objects(BUCKET)) == []
    assert query(server.seen[0]) == {"max-keys": "1000", "encoding-type": "url"}


def test_without_a_marker_the_last_entry_continues_the_listing(client, server):
    server.answer(Reply(body=page_of("a", "b", truncated=True)), Reply(body=page_of("c")))
    assert [entry.key for entry in client.list_objects(BUCKET)] == ["a", "b", "c"]
    assert query(server.seen[1])["marker"] == "b"


def test_keys_that_were_not_encoded_are_not_decoded(client, server):
    server.answer(Reply(body=page_of("100%25", encoded=False)))
    assert [entry.key for entry in client.list_objects(BUCKET)] == ["100%25"]


@pytest.mark.parametrize("max_keys", [0, -1, 1001])
def test_a_page_size_that_cos_does_not_know_is_refused(client, server, max_keys):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        list(client.list_objects(BUCKET, max_keys=max_keys))
    assert caught.value.parameter == "max_keys"
    assert not server.seen


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        page_of("a", size="many"),
        page_of("a").replace(b"2019-05-24", b"sometime"),
        page_of("a", size=""),
    ],
)
def test_a_listing_that_cannot_be_read_is_an_error_of_the_answer(client, server, body):
    server.answer(Reply(body=body))
    with pytest.raises(COSInventoryRequestError) as caught:
        list(client.list_objects(BUCKET))
    assert caught.value.bucket == BUCKET


def test_a_listing_that_gives_the_same_page_again_ends_in_an_error(client, server):
    server.answer(Reply(body=page_of("a", marker="a")))
    with pytest.raises(COSInventoryRequestError, match="the next page is the one before"):
        list(client.list_objects(BUCKET))


def test_a_truncated_page_without_any_entry_ends_the_listing_in_an_error(client, server):
    server.answer(Reply(body=page_of(truncated=True)))
    with pytest.raises(COSInventoryRequestError, match="does not say where it goes on"):
        list(client.list_objects(BUCKET))


KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True)


@given(KEYS, st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_any_key_survives_the_page(keys, prefixes):
    page = read_document(page_of(*keys, prefixes=prefixes, truncated=bool(keys or prefixes)))
    assert entries(page)[: len(keys)] == [
        ListedObject(
            key=key,
            size=3,
            etag="e",
            last_modified=datetime(2019, 5, 24, 10, 56, 40, tzinfo=timezone.utc),
            storage_class="STANDARD",
        )
        for key in keys
    ]
    assert next_marker(page) == max([*keys, *prefixes], default=None)


@given(st.binary())
def test_garbage_is_a_document_or_none_and_never_an_exception(body):
    read_document(body)
    read_document(b"<?xml version='1.0' encoding='utf-16'?>" + body)
