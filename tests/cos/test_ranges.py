# SPDX-License-Identifier: Apache-2.0
"""Parts of an object: all the bytes that were asked for, of the object that was asked for, or an error."""

from __future__ import annotations

import random
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET
from tests.cos.scripted_server import RESET, Reply, error_reply

BODY = random.Random(8).randbytes(1_000_000)
KEY = "parts/one.parquet"


def serve(seen):
    """Answer as COS does, for the object BODY with the ETag v1."""
    first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", seen.headers["range"]).groups())
    if first >= len(BODY):
        return error_reply(416, "InvalidRange")
    return part(first, min(last, len(BODY) - 1))


def part(first, last, *, etag='"v1"', **more):
    headers = {"ETag": etag, "Content-Range": f"bytes {first}-{last}/{len(BODY)}"}
    return Reply(status=206, body=BODY[first : last + 1], headers=headers, **more)


def get(client, start, length, if_match="v1"):
    return client.get_range(BUCKET, KEY, start=start, length=length, if_match=if_match)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (0, len(BODY)), (5, 700_000), (len(BODY) - 1, 1)], ids=str)
def test_a_range_is_what_the_object_has_there(client, server, start, length):
    server.answer(serve)
    assert get(client, start, length) == BODY[start : start + length]
    (seen,) = server.seen
    assert seen.headers["range"] == f"bytes={start}-{start + length - 1}"
    assert "range" in seen.headers["authorization"]
    assert "if-match" not in seen.headers


def test_without_an_etag_nothing_is_asked_of_the_object(client, server):
    server.answer(part(3, 6, etag="x"))
    assert get(client, 3, 4, if_match=None) == BODY[3:7]


def test_ranges_follow_each_other_on_one_connection(client, server):
    server.answer(serve)
    for start in (0, 500_000, 10):
        get(client, start, 300_000)
    assert len({seen.connection for seen in server.seen}) == 1


def test_a_range_of_no_bytes_asks_nobody(client, server):
    assert get(client, 7, 0) == b""
    assert not server.seen


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (0, -1)])
def test_a_range_that_cannot_be_is_refused_before_any_request(client, server, start, length):
    with pytest.raises(COSInventoryConfigurationError):
        get(client, start, length)
    assert not server.seen


@pytest.mark.parametrize(
    "fault",
    [RESET, part(10, 99_999, cut_after=0), part(10, 99_999, cut_after=50_000), error_reply(503, "ServiceUnavailable")],
    ids=["reset", "cut-at-once", "cut", "503"],
)
def test_a_fault_on_the_way_is_tried_again(client, server, fault):
    server.answer(fault, fault, serve)
    assert get(client, 10, 99_990) == BODY[10:100_000]
    assert len(server.seen) == 3


def test_a_range_that_is_always_cut_is_never_returned_in_part(client, server):
    server.answer(part(0, 99_999, cut_after=99_998))
    with pytest.raises(COSInventoryTransientError) as caught:
        get(client, 0, 100_000)
    assert (caught.value.bucket, caught.value.key) == (BUCKET, KEY)
    assert len(server.seen) == 3


def test_throttling_has_more_tries(client, server):
    server.answer(error_reply(503, "SlowDown"))
    with pytest.raises(COSInventoryThrottledError):
        get(client, 0, 1)
    assert len(server.seen) == 5


def test_a_body_without_stated_length_that_ends_too_early_is_no_range(client, server):
    headers = {"ETag": '"v1"', "Content-Range": f"bytes 0-9/{len(BODY)}"}
    server.answer(Reply(status=206, body=BODY[:9], headers=headers, announce=False))
    with pytest.raises(COSInventoryTransientError, match="ended in the middle"):
        get(client, 0, 10)


@pytest.mark.parametrize(
    "reply",
    [error_reply(416, "InvalidRange"), part(0, 9, etag='"v2"')],
    ids=["416", "another-etag"],
)
def test_an_object_that_was_replaced_is_refused_by_name(client, server, reply):
    server.answer(reply)
    with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read") as caught:
        get(client, 0, 10)
    assert (caught.value.bucket, caught.value.key) == (BUCKET, KEY)
    assert len(server.seen) == 1


def test_an_object_replaced_between_two_tries_is_refused_too(client, server):
    server.answer(part(0, 9, cut_after=5), part(0, 9, etag='"v2"'))
    with pytest.raises(COSInventoryCorruptReportError):
        get(client, 0, 10)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=BODY, headers={"ETag": '"v1"'}),
        Reply(body=BODY[:10], headers={"ETag": '"v1"', "Content-Range": f"bytes 0-9/{len(BODY)}"}),
        part(0, 8),
        part(0, 10),
        part(1, 10),
        Reply(status=206, body=BODY[:10], headers={"ETag": '"v1"'}),
        Reply(status=206, body=BODY[:10], headers={"ETag": '"v1"', "Content-Range": "nonsense"}),
    ],
    ids=["the-whole", "200", "shorter", "longer", "elsewhere", "no-content-range", "nonsense"],
)
def test_anything_else_than_the_range_is_refused(client, server, reply):
    server.answer(reply)
    with pytest.raises(COSInventoryRequestError, match=r"\(bytes=0-9\) and sent another part") as caught:
        get(client, 0, 10)
    assert "endpoint_url" in caught.value.hint
    assert len(server.seen) == 1


def test_bytes_beyond_the_end_are_an_error_that_says_so(client, server):
    server.answer(serve)
    with pytest.raises(COSInventoryRequestError) as caught:
        get(client, len(BODY), 1, if_match=None)
    assert (caught.value.code, caught.value.hint) == ("InvalidRange", "Ask for bytes that the object has.")


def test_an_object_that_is_not_there_is_told_as_anywhere(client, server):
    server.answer(error_reply(404, "NoSuchKey"))
    with pytest.raises(COSInventoryNotFoundError):
        get(client, 0, 1)


def test_an_object_stored_compressed_arrives_as_it_is_stored(client, server):
    reply = part(0, 9)
    reply.headers["Content-Encoding"] = "gzip"
    server.answer(reply)
    assert get(client, 0, 10) == BODY[:10]


def test_threads_share_a_client_without_mixing_up(client, server):
    server.answer(serve)
    starts = [number * 20_011 % 900_000 for number in range(60)]
    with ThreadPoolExecutor(12) as threads:
        got = list(threads.map(lambda start: get(client, start, 50_000 + start % 7), starts))
    assert got == [BODY[start : start + 50_000 + start % 7] for start in starts]


def test_a_large_range_is_held_about_once(client, server):
    length = 32 * 1024 * 1024
    headers = {"ETag": '"v1"', "Content-Range": f"bytes 0-{length - 1}/{length}"}
    server.answer(Reply(status=206, body=b"x" * 1024 * 1024, repeat=32, headers=headers))
    tracemalloc.start()
    try:
        assert len(get(client, 0, length)) == length
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * length
