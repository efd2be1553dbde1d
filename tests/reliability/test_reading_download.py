# SPDX-License-Identifier: Apache-2.0
"""Large data files: a download that is cut goes on where it stopped, and nothing makes the reader hold it all."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import closing
from random import Random

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from tests.conftest import DESTINATION
from tests.reliability.relay import Relay
from tests.reliability.reports import COLUMNS, packed, put_report

MEBIBYTE = 1024 * 1024
#: What the reader asks for at a time, and so what a cut can cost.
PIECE = 256 * 1024
#: Headers of the answers, and the manifest.
SMALL = 16 * 1024
DATA = r"\.csv\.gz$"


def manifest_of(report):
    return COSInventoryHook().read_manifest(
        bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum
    )


def random_rows(count):
    """Rows that do not compress well."""
    random = Random(7)
    return "".join(f"1,b,{random.randbytes(30).hex()},{number}\n" for number in range(count))


def repeated(block, times):
    """A data file of many equal blocks, made without holding them."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(deflate.compress(block) for _ in range(times)) + deflate.flush()


class TestCutDownload:
    ROWS = 60_000

    @pytest.fixture
    def relay(self, cos, monkeypatch, impatient_retries):
        with closing(Relay(cos.url)) as relay:
            connection = cos.connection_json.replace(cos.url, relay.url)
            monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", connection)
            yield relay

    @pytest.fixture
    def body(self):
        body = gzip.compress(random_rows(self.ROWS).encode(), 1)
        assert len(body) > 2 * MEBIBYTE
        return body

    def test_it_goes_on_where_it_was_cut(self, cos, relay, body):
        manifest = manifest_of(put_report(cos, DESTINATION, body, rows=self.ROWS))
        cut = len(body) - MEBIBYTE // 2
        cos.fault(method="GET", key=DATA, cut_after=cut)
        sizes = [record.size for record in COSInventoryHook().iter_records(manifest)]
        assert sizes == list(range(self.ROWS))
        (start,) = relay.ranges
        assert cut - PIECE <= start <= cut
        assert len(body) <= relay.served <= len(body) + PIECE + SMALL

    def test_it_goes_on_after_every_cut(self, cos, relay, body):
        manifest = manifest_of(put_report(cos, DESTINATION, body, rows=self.ROWS))
        cos.fault(method="GET", key=DATA, cut_after=3 * PIECE, times=None)
        assert sum(1 for _ in COSInventoryHook().iter_records(manifest)) == self.ROWS
        assert len(relay.ranges) >= 2
        assert relay.ranges == sorted(set(relay.ranges))
        assert relay.served <= len(body) + len(relay.ranges) * (PIECE + SMALL)

    def test_one_that_cannot_go_on_is_an_error_that_a_retry_may_heal_and_no_short_table(self, cos, relay, body):
        report = put_report(cos, DESTINATION, body, rows=self.ROWS)
        cos.fault(method="GET", key=DATA, cut_after=MEBIBYTE)
        cos.fault(method="GET", key=DATA, reset="before", times=None)
        sizes = []
        with pytest.raises(COSInventoryTransientError) as raised:
            sizes.extend(record.size for record in COSInventoryHook().iter_records(manifest_of(report)))
        assert (raised.value.bucket, raised.value.key) == (DESTINATION, report.file_keys[0])
        assert 0 < len(sizes) < self.ROWS
        assert sizes == list(range(len(sizes)))

    def test_an_object_that_was_replaced_meanwhile_is_not_mixed_with_the_first(self, cos, relay, body):
        report = put_report(cos, DESTINATION, body, rows=self.ROWS)
        cos.fault(method="GET", key=DATA, cut_after=MEBIBYTE)
        records = COSInventoryHook().iter_records(manifest_of(report))
        assert next(records).size == 0
        cos.put_object(DESTINATION, report.file_keys[0], body[:-1] + b"x")
        with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read") as raised:
            list(records)
        assert (raised.value.bucket, raised.value.key) == (DESTINATION, report.file_keys[0])


def test_a_small_file_that_is_cut_is_read_whole(cos, impatient_retries):
    report = put_report(cos, DESTINATION, packed("1,b,a,1\n", "1,b,b,2\n"), rows=2)
    cos.fault(method="GET", key=DATA, cut_after=10)
    assert [record.key for record in COSInventoryHook().iter_records(manifest_of(report))] == ["a", "b"]
    assert cos.faults()[0]["happened"] == 1


@pytest.mark.integration
class TestBomb:
    """What is small as stored and huge when it is inflated."""

    def refusal_of(self, manifest, error=COSInventoryCorruptReportError):
        """Read until the error; return it and the peak of memory, bytes."""
        records = COSInventoryHook().iter_records(manifest)
        tracemalloc.start()
        try:
            with pytest.raises(error) as raised:
                for _ in records:
                    pass
            return raised.value, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        "unit", [b"\x00", b'"', b"a,", b"\n"], ids=["one line", "one quoted field", "one row", "blank lines"]
    )
    def test_it_is_refused_in_bounded_memory(self, cos, unit):
        body = repeated(unit * (MEBIBYTE // len(unit)), 200)
        assert len(body) < MEBIBYTE
        report = put_report(cos, DESTINATION, packed("1,b,a,1\n") + body, rows=3)
        error, peak = self.refusal_of(manifest_of(report))
        assert peak < 48 * MEBIBYTE
        assert (error.bucket, error.key) == (DESTINATION, report.file_keys[0])
        assert error.line >= 2
        assert "characters long" in error.message

    def test_rows_without_end_are_refused_at_the_first_that_the_manifest_does_not_know(self, cos):
        row = b"1,b," + b"x" * 1000 + b",1\n"
        report = put_report(cos, DESTINATION, repeated(row * 1000, 200), rows=3)
        error, peak = self.refusal_of(manifest_of(report))
        assert peak < 16 * MEBIBYTE
        assert (error.bucket, error.key) == (DESTINATION, report.manifest_key)
        assert "more than 3 rows" in error.message

    def test_rows_are_read_in_bounded_memory_where_the_manifest_does_not_count_them(self, cos):
        row = b"1,b," + b"x" * 1000 + b",1\n"
        report = put_report(cos, DESTINATION, repeated(row * 1000, 40))
        tracemalloc.start()
        try:
            rows = sum(1 for _ in COSInventoryHook().iter_records(manifest_of(report)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert rows == 40_000
        assert peak < 16 * MEBIBYTE

    def test_a_manifest_larger_than_any_is_refused(self, cos):
        report = put_report(cos, DESTINATION, columns=COLUMNS)
        cos.put_object(DESTINATION, report.manifest_key, b" " * (64 * MEBIBYTE + 1))
        with pytest.raises(COSInventoryRequestError, match="longer than the 33554432 bytes") as raised:
            manifest_of(report)
        assert (raised.value.bucket, raised.value.key) == (DESTINATION, report.manifest_key)
