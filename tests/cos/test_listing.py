# SPDX-License-Identifier: Apache-2.0
"""Listing objects."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.protocol.listing import entries, name_of, next_marker
from airflow_provider_cosinv.cos.protocol.models import CommonPrefix, ListedObject
from airflow_provider_cosinv.cos.protocol.responses import PAGE_LIMIT, Answer, read_document
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET, QUICK
from tests.cos.scripted_server import Reply, error_reply


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
    page = read_document(
        Answer(status=200, headers={}, body=page_of(*keys, prefixes=prefixes, truncated=bool(keys or prefixes)))
    )
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
    assert next_marker(page, map(name_of, entries(page))) == max([*keys, *prefixes], default=None)


@given(st.binary())
def test_garbage_is_a_document_or_none_and_never_an_exception(body):
    for encoding in ("", "gzip", "deflate", "br"):
        for front in (b"", b"<?xml version='1.0' encoding='utf-16'?>"):
            read_document(Answer(status=200, headers={"content-encoding": encoding}, body=front + body))


def folders_of(settings, **arguments):
    async def run():
        async with AsyncCOSClient(settings=settings, retry_policy=QUICK) as client:
            return await client.list_prefixes(BUCKET, **arguments)

    return asyncio.run(run())


class TestFolders:
    def test_folders_of_all_pages_come_in_order(self, server, settings):
        server.answer(
            Reply(body=page_of("inv/20x", prefixes=["inv/2026a/", "inv/2026 b/"], marker="inv/2026 b/")),
            Reply(body=page_of(prefixes=["inv/2027/"])),
        )
        assert folders_of(settings, prefix="inv/20") == ["inv/2026a/", "inv/2026 b/", "inv/2027/"]
        assert [query(seen).get("marker") for seen in server.seen] == [None, "inv/2026 b/"]

    def test_only_wanted_folders_are_returned(self, server, settings):
        server.answer(Reply(body=page_of(prefixes=["20261101/", "2026x/"])))
        assert folders_of(settings, prefix="20", wanted=lambda folder: "x" not in folder) == ["20261101/"]

    def test_endless_listing_ends_after_a_hundred_pages(self, server, settings):
        pages = iter(range(1, 10_000))

        def page(seen):
            number = next(pages)
            return Reply(body=page_of(prefixes=[f"20x{number:05}/"], marker=f"20x{number:05}/"))

        server.answer(page)
        with pytest.raises(COSInventoryRequestError, match="More than 100 pages of folders begin with 20"):
            folders_of(settings, prefix="20")
        assert len(server.seen) == 100

    @pytest.mark.parametrize(
        "body",
        [
            b"<ListBucketResult>" + b"<a/>" * 100_001 + b"</ListBucketResult>",
            b"<a>" * 5000 + b"</a>" * 5000,
            b"<ListBucketResult " + b" ".join(b'a%d=""' % number for number in range(40_000)) + b"/>",
            b"<ListBucketResult><!--" + b"x" * 400_000 + b"--></ListBucketResult>",
            b"<html>not COS",
            b"<ListBucketResult>",
        ],
        ids=["elements", "depth", "attributes", "comment", "not-xml", "unfinished"],
    )
    def test_page_unlike_any_of_cos_is_refused(self, server, settings, body):
        server.answer(Reply(body=body))
        with pytest.raises(COSInventoryRequestError, match="is no ListBucketResult document"):
            folders_of(settings, prefix="20")
        assert len(server.seen) == 1

    def test_error_below_success_is_told_as_error(self, server, settings):
        server.answer(replace(error_reply(200, "InternalError"), status=200))
        with pytest.raises(COSInventoryTransientError) as caught:
            folders_of(settings, prefix="20")
        assert caught.value.code == "InternalError"

    def test_longest_page_of_cos_is_below_the_limit(self, server, settings):
        # 1,000 keys of 850 bytes, each percent-encoded: markup that is not decoded takes their place.
        page = page_of(*(f"20{number:04}" for number in range(1000)), prefixes=["20/"], encoded=False)
        body = page.replace(b"<ETag>", b" " * 2550 + b"<ETag>")
        assert 2_550_000 < len(body) < PAGE_LIMIT
        server.answer(Reply(body=body))
        assert folders_of(settings, prefix="20") == ["20/"]
