# SPDX-License-Identifier: Apache-2.0
"""Reading and writing objects, both halves where both can."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.models import ObjectInfo
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET, HOST, SECRET_ID, SECRET_KEY, TOKEN
from tests.cos.scripted_server import RESET, Reply

SERVER_TIME = datetime(2018, 8, 28, 2, 53, 38, tzinfo=timezone.utc)
HEADERS = {"ETag": '"abc-2"', "Last-Modified": "Fri, 24 May 2019 10:56:40 GMT"}
INFO = ObjectInfo(
    size=3,
    etag="abc-2",
    last_modified=datetime(2019, 5, 24, 10, 56, 40, tzinfo=timezone.utc),
    server_time=SERVER_TIME,
)


def test_an_object_comes_with_its_headers(half, server, settings):
    server.answer(Reply(body=b"abc", headers=HEADERS))
    content = half.call(settings, "get_object", BUCKET, "inv/manifest.json", max_bytes=3)
    assert content.body == b"abc"
    assert content.info == INFO


def test_a_request_goes_to_the_endpoint_with_the_host_of_the_bucket_and_is_signed(half, server, settings):
    server.answer(Reply(body=b"abc"))
    temporary = replace(settings, credentials=Credentials(SECRET_ID, SECRET_KEY, TOKEN))
    half.call(temporary, "get_object", BUCKET, "inv/a b", max_bytes=3)
    (seen,) = server.seen
    assert seen.target == "/inv/a%20b"
    assert seen.headers["host"] == HOST
    assert seen.headers["x-cos-security-token"] == TOKEN
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("airflow-provider-cosinv/")
    assert f"q-ak={SECRET_ID}&" in seen.headers["authorization"]
    assert "q-header-list=host;x-cos-security-token&" in seen.headers["authorization"]


def test_a_permanent_key_sends_no_token(half, server, settings):
    half.call(settings, "head_bucket", BUCKET)
    assert "x-cos-security-token" not in server.seen[0].headers


@pytest.mark.parametrize("key", ["/leading", "//two", "a//b", "a/../b", "a/..", "./a", "中文 +%2F?#&=", "a/", "..."])
def test_an_odd_key_reaches_the_server_as_it_is(half, server, settings, key):
    half.call(settings, "get_object", BUCKET, key, max_bytes=3)
    assert unquote(urlsplit(f"http://x{server.seen[0].target}").path) == f"/{key}"


def test_a_wrong_key_or_bucket_is_refused_before_any_request(half, server, settings):
    for bucket, key, parameter in ((BUCKET, "", "key"), (BUCKET, "..", "key"), ("no-appid", "k", "bucket")):
        with pytest.raises(COSInventoryConfigurationError) as caught:
            half.call(settings, "get_object", bucket, key, max_bytes=3)
        assert caught.value.parameter == parameter
    assert not server.seen


def test_an_object_stored_compressed_arrives_as_it_is_stored(half, server, settings):
    stored = gzip.compress(b"a,b\n" * 1000)
    server.answer(Reply(body=stored, headers={"Content-Encoding": "gzip"}))
    assert half.call(settings, "get_object", BUCKET, "k", max_bytes=10_000).body == stored


def test_an_object_longer_than_wanted_is_refused_unread(half, server, settings):
    server.answer(Reply(body=b"x" * 1024 * 1024, repeat=100))
    with pytest.raises(COSInventoryRequestError, match="longer than the 10 bytes") as caught:
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10)
    assert type(caught.value) is COSInventoryRequestError
    assert caught.value.key == "k"


def test_an_object_without_stated_length_is_bounded_too(half, server, settings):
    server.answer(Reply(body=b"x" * 1024 * 1024, repeat=100, announce=False))
    with pytest.raises(COSInventoryRequestError, match="longer than the 10 bytes"):
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10)


@pytest.mark.parametrize("fault", [Reply(body=b"abcdef", cut_after=3), RESET], ids=["cut", "reset"])
def test_an_object_whose_transfer_is_cut_is_asked_for_again(half, server, settings, fault):
    server.answer(fault, Reply(body=b"abcdef"))
    assert half.call(settings, "get_object", BUCKET, "k", max_bytes=10).body == b"abcdef"


def test_an_object_that_is_always_cut_is_never_returned_in_part(half, server, settings):
    server.answer(Reply(body=b"abcdef", cut_after=3))
    with pytest.raises(COSInventoryTransientError) as caught:
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10)
    assert len(server.seen) == 3
    assert caught.value.bucket == BUCKET


def test_head_of_a_bucket_tells_its_region_where_cos_does(half, server, settings):
    server.answer(Reply(headers={"x-cos-bucket-region": "ap-guangzhou"}), Reply())
    assert half.call(settings, "head_bucket", BUCKET).region == "ap-guangzhou"
    assert half.call(settings, "head_bucket", BUCKET).region is None


def test_head_of_an_object_tells_its_size(client, server):
    server.answer(Reply(headers={**HEADERS, "Content-Length": "3"}))
    assert client.head_object(BUCKET, "k") == INFO


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2018 02:53:38 GMT", "Mon, 28 Aug 2018 02:53:38 -0000"])
def test_an_unreadable_time_of_a_server_is_no_error(client, server, date):
    server.answer(Reply(headers={"Last-Modified": date}))
    modified = client.head_object(BUCKET, "k").last_modified
    assert modified is None or modified.tzinfo


def test_bytes_are_uploaded_with_their_md5(client, server):
    server.answer(Reply(headers={"ETag": '"e"'}))
    info = client.put_object(BUCKET, "dir/k", b"body", content_type="text/csv")
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == ("PUT", "/dir/k", b"body")
    assert seen.headers["content-md5"] == base64.b64encode(hashlib.md5(b"body").digest()).decode()
    assert seen.headers["content-type"] == "text/csv"
    assert info == ObjectInfo(size=4, etag="e", last_modified=None, server_time=SERVER_TIME)


def test_a_file_is_uploaded_from_where_it_stands_and_again_from_there_after_a_fault(client, server):
    file = io.BytesIO(b"headbody")
    file.seek(4)
    server.answer(Reply(status=500), RESET, Reply())
    assert client.put_object(BUCKET, "k", file).size == 4
    assert [seen.body for seen in server.seen] == [b"body"] * 3


@pytest.mark.parametrize("body", [b"", io.BytesIO()], ids=["bytes", "file"])
def test_an_empty_object_is_uploaded_with_a_length(client, server, body):
    client.put_object(BUCKET, "k", body)
    assert server.seen[0].headers["content-length"] == "0"


def test_a_digest_is_that_of_the_bytes_as_stored(server, settings):
    from tests.cos.conftest import AsyncHalf

    stored = gzip.compress(b"a" * 1_000_000)
    server.answer(Reply(body=stored, cut_after=100), Reply(body=stored, headers={"Content-Encoding": "gzip"}))
    digest = AsyncHalf().call(settings, "digest_object", BUCKET, "k", max_bytes=1_000_000)
    assert digest.md5_hex == hashlib.md5(stored).hexdigest()
    assert digest.size == len(stored) == digest.info.size


def test_a_digest_stops_at_the_size_that_was_allowed(server, settings):
    from tests.cos.conftest import AsyncHalf

    server.answer(Reply(body=b"x" * 1024 * 1024, repeat=100, announce=False))
    with pytest.raises(COSInventoryRequestError, match="longer than the 2000000 bytes"):
        AsyncHalf().call(settings, "digest_object", BUCKET, "k", max_bytes=2_000_000)
