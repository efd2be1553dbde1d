# SPDX-License-Identifier: Apache-2.0
"""Both ways to inflate are held to the same."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.util
import itertools
import random
import sys
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import DataFile
from airflow_provider_cosinv.inventory.rows.verified_bytes import inflated, verified
from airflow_provider_cosinv.table.inflater import fastest_inflater

BUCKET = "inventorybucket-1250000000"
MEBIBYTE = 1024 * 1024
TEXT = "".join(f'"{n}","清单/{n * n}"\n' for n in range(300)).encode()
GOOD = gzip.compress(TEXT, mtime=0)
either = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def isal_or_zlib(request, monkeypatch):
    if request.param == "zlib":
        # So Python refuses to import it.
        monkeypatch.setitem(sys.modules, "isal", None)
    elif not importlib.util.find_spec("isal"):
        pytest.skip("isal is not installed")


def describe(body: bytes) -> DataFile:
    return DataFile(key="a.csv.gz", size=len(body), md5=hashlib.md5(body).hexdigest())


def chunked(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, *, chunk: int = 65536, file: DataFile | None = None) -> bytes:
    described = file or describe(body)
    stored = verified(chunked(body, chunk), file=described, bucket=BUCKET)
    return b"".join(inflated(stored, file=described, bucket=BUCKET, inflater=fastest_inflater()))


def refusal(body: bytes, **how) -> str:
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        read(body, **how)
    assert (raised.value.bucket, raised.value.key) == (BUCKET, "a.csv.gz")
    return raised.value.message


@pytest.mark.parametrize("chunk", [1, 2, 3, 17, 100, 10**9])
def test_what_was_packed_comes_back_whatever_the_chunks(chunk):
    assert read(GOOD, chunk=chunk) == TEXT


@pytest.mark.parametrize("chunk", [1, 5, 18, 10**9])
def test_several_members_are_read_as_one_file(chunk):
    body = gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"") + gzip.compress(b"b") + GOOD

    assert read(body, chunk=chunk) == b"ab" + TEXT


def test_what_is_larger_than_a_block_comes_back():
    noise = random.Random(1).randbytes(2 * MEBIBYTE)
    for text in (noise, b"a" * (5 * MEBIBYTE), noise + bytes(MEBIBYTE) + noise):
        body = gzip.compress(text, 1) + gzip.compress(text, 1)
        assert read(body, chunk=100_000) == text + text


def test_an_empty_file_holds_nothing():
    assert read(b"") == read(gzip.compress(b"")) == b""


def test_a_stream_cut_anywhere_is_refused():
    for end in range(1, len(GOOD), 7):
        assert "ends in the middle of its gzip stream" in refusal(GOOD[:end])
        assert "ends in the middle of its gzip stream" in refusal(GOOD + GOOD[:end])


@pytest.mark.parametrize("place", range(-8, 0))
def test_a_wrong_trailer_is_refused(place):
    broken = bytearray(GOOD)
    broken[place] ^= 1

    assert "not gzip" in refusal(bytes(broken))
    assert "not gzip" in refusal(bytes(broken), chunk=1)


def test_a_bit_flipped_in_what_was_packed_is_refused():
    for place in range(10, len(GOOD), 5):
        broken = bytearray(GOOD)
        broken[place] ^= 0x10
        refusal(bytes(broken))


@pytest.mark.parametrize(
    "body",
    [
        TEXT,
        b"<Error><Code>NoSuchKey</Code></Error>",
        zlib.compress(TEXT),
        GOOD + b"garbage that is longer",
        GOOD + TEXT,
        b"\x1f\x8b\x08" + b"\xff" * 100,
    ],
    ids=["text", "an error of COS", "zlib", "garbage behind it", "text behind it", "a header of gzip"],
)
def test_what_is_not_gzip_is_refused(body):
    assert "gzip" in refusal(body)


def test_another_md5_and_another_size_are_refused():
    file = describe(GOOD)

    assert "MD5" in refusal(GOOD, file=dataclasses.replace(file, md5="0" * 32))
    assert "longer than the" in refusal(GOOD, file=dataclasses.replace(file, size=len(GOOD) - 1))
    assert "the manifest says" in refusal(GOOD, file=dataclasses.replace(file, size=len(GOOD) + 1))


@pytest.mark.integration
def test_blocks_are_small_however_well_they_were_packed():
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(deflate.compress(bytes(MEBIBYTE)) for _ in range(100)) + deflate.flush()
    file = describe(body)
    tracemalloc.start()
    try:
        sizes = [len(block) for block in inflated([body], file=file, bucket=BUCKET, inflater=fastest_inflater())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert sum(sizes) == 100 * MEBIBYTE
    assert max(sizes) <= MEBIBYTE
    assert peak < 4 * MEBIBYTE


@either
@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_any_members_in_any_chunks_come_back(texts, sizes):
    body = b"".join(map(gzip.compress, texts))
    chunks, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= len(body):
            break
        chunks.append(body[start : start + size])
        start += size

    assert b"".join(inflated(chunks, file=describe(body), bucket=BUCKET, inflater=fastest_inflater())) == b"".join(
        texts
    )
