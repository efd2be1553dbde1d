# SPDX-License-Identifier: Apache-2.0
"""Streaming an object: whole, in bounded memory, across cuts, and only one and the same object."""

from __future__ import annotations

import random
import re
import tracemalloc
from itertools import islice

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET
from tests.cos.scripted_server import RESET, Reply, error_reply

BODY = random.Random(7).randbytes(100_000)
KEY = "inv/data.csv.gz"


class Store:
    """An object as COS serves it: with ranges and preconditions, and cuts where the test wants them."""

    def __init__(self, *cuts, body=BODY, etag='"v1"', ranges=True):
        self.body, self.etag, self.ranges = body, etag, ranges
        self.cuts = list(cuts)
        self.starts = []

    def __call__(self, seen):
        cut = self.cuts.pop(0) if self.cuts else None
        found = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", "")) if self.ranges else None
        start = int(found[1]) if found else 0
        self.starts.append(start)
        headers = {"ETag": self.etag} if self.etag else {}
        if found and start >= len(self.body):
            return error_reply(416, "InvalidRange")
        if found:
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        return Reply(status=206 if found else 200, body=self.body[start:], headers=headers, cut_after=cut)


def read(client, chunk_size=8192):
    return list(client.stream_object(BUCKET, KEY, chunk_size=chunk_size))


def test_the_pieces_make_the_object_and_none_is_larger_than_asked_for(client, server):
    server.answer(Store())
    pieces = read(client)
    assert b"".join(pieces) == BODY
    assert max(map(len, pieces)) <= 8192
    assert len(server.seen) == 1


def test_an_empty_object_has_no_piece(client, server):
    server.answer(Store(body=b""))
    assert read(client) == []
    assert len(server.seen) == 1


def test_a_download_goes_on_where_each_cut_was(client, server):
    # More cuts than tries: whatever brings bytes has all tries anew.
    store = Store(*[10_000] * 9)
    server.answer(store)
    assert b"".join(read(client, 1000)) == BODY
    assert store.starts == [10_000 * n for n in range(10)]
    assert not any("if-match" in seen.headers for seen in server.seen)
    assert all("range" in seen.headers["authorization"] for seen in server.seen[1:])


def test_a_cut_before_the_first_byte_starts_again(client, server):
    server.answer(Store(0))
    assert b"".join(read(client)) == BODY


def test_faults_between_two_pieces_are_waited_out(client, server):
    store = Store(50_000)
    server.answer(store, RESET, error_reply(503, "SlowDown"), store)
    assert b"".join(read(client)) == BODY


def test_a_download_that_does_not_get_on_ends_in_an_error_and_not_in_a_short_object(client, server):
    server.answer(Store(50_000), RESET)
    pieces = []
    with pytest.raises(COSInventoryTransientError) as caught:
        pieces.extend(client.stream_object(BUCKET, KEY, chunk_size=1000))
    assert caught.value.key == KEY
    assert BODY.startswith(b"".join(pieces))
    assert len(server.seen) <= 4


def test_a_hanging_download_goes_on_after_the_time_out(server, impatient):
    from airflow_provider_cosinv.cos.client import COSClient
    from tests.cos.conftest import QUICK

    store = Store(50_000)
    server.answer(store, Reply(delay=0.4), store)
    with COSClient(settings=impatient, retry_policy=QUICK) as client:
        assert b"".join(read(client)) == BODY


def test_an_object_replaced_between_two_pieces_is_refused_by_name(client, server):
    server.answer(Store(50_000), Store(etag='"v2"'))
    with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read") as caught:
        read(client)
    assert (caught.value.bucket, caught.value.key) == (BUCKET, KEY)


@pytest.mark.parametrize(
    "second",
    [
        Store(etag='"v2"', ranges=False),
        Store(body=BODY[:60_000], ranges=False),
        Reply(status=206, body=b"x", headers={"ETag": '"v2"', "Content-Range": "bytes 50000-99999/100000"}),
        Reply(status=206, body=b"x", headers={"ETag": '"v1"', "Content-Range": "bytes 50000-50000/50001"}),
        error_reply(416, "InvalidRange"),
    ],
    ids=["whole-with-another-etag", "whole-but-shorter", "part-with-another-etag", "another-size", "out-of-range"],
)
def test_whatever_shows_that_the_object_changed_is_an_error(client, server, second):
    server.answer(Store(50_000), second)
    with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read"):
        read(client, 10_000)


@pytest.mark.parametrize("content_range", ["bytes 0-99999/100000", "bytes 50001-99999/100000", "nonsense", ""])
def test_another_part_than_asked_for_is_refused(client, server, content_range):
    server.answer(
        Store(50_000), Reply(status=206, body=BODY[50_000:], headers={"ETag": '"v1"', "Content-Range": content_range})
    )
    with pytest.raises(COSInventoryRequestError, match="sent another part"):
        read(client, 10_000)


def test_a_server_without_ranges_sends_it_all_again_and_nothing_comes_twice(client, server):
    server.answer(Store(50_000, 70_000, ranges=False))
    assert b"".join(read(client)) == BODY


def test_an_object_deleted_between_two_pieces_is_not_found(client, server):
    server.answer(Store(50_000), error_reply(404, "NoSuchKey"))
    with pytest.raises(COSInventoryNotFoundError):
        read(client)


def test_an_object_without_etag_goes_on_all_the_same(client, server):
    server.answer(Store(50_000, etag=None))
    assert b"".join(read(client)) == BODY


def test_a_refusal_at_the_start_is_told_as_anywhere(client, server):
    server.answer(error_reply(404, "NoSuchKey"))
    with pytest.raises(COSInventoryNotFoundError) as caught:
        read(client)
    assert caught.value.code == "NoSuchKey"


def test_a_large_object_passes_through_little_memory(client, server):
    server.answer(Reply(body=b"x" * 1024 * 1024, repeat=64, headers={"ETag": '"e"'}))
    tracemalloc.start()
    try:
        size = sum(map(len, client.stream_object(BUCKET, KEY, chunk_size=256 * 1024)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


def test_a_reader_that_stops_early_leaves_a_client_that_works(client, server):
    server.answer(Store())
    pieces = client.stream_object(BUCKET, KEY, chunk_size=1000)
    assert b"".join(islice(pieces, 2)) == BODY[:2000]
    pieces.close()
    assert b"".join(read(client)) == BODY
