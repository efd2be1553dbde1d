# SPDX-License-Identifier: Apache-2.0
"""What a gateway between here and COS may change in an answer, and what comes of it."""

from __future__ import annotations

import asyncio
import gzip
import time
from random import Random

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryRequestError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory.report.search import ReportSearch
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from airflow_provider_cosinv.waiting import pacing
from tests.conftest import DESTINATION, SOURCE
from tests.reliability.reports import DATE, put_report
from tests.support import gateway as gateways
from tests.support.gateway import Gateway
from tests.support.tasks import make_context

ROWS = 20_000
HARMLESS = [
    gateways.weak_etag,
    gateways.header_case,
    gateways.no_last_modified,
    gateways.no_date,
    gateways.named_encoding,
    gateways.no_length,
    gateways.chunked,
    gateways.partial_status,
]
harmless = pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)


@pytest.fixture
def gateway(cos, monkeypatch, impatient_retries):
    """A gateway before the emulator, which the connection leads to."""
    monkeypatch.setattr(pacing, "_EARLIEST", 0.0)
    with Gateway(cos.url) as between:
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json.replace(cos.url, between.address))
        yield between


@pytest.fixture
def report(cos):
    random = Random(7)
    rows = "".join(f"1,b,{random.randbytes(30).hex()},{number}\n" for number in range(ROWS))
    return put_report(cos, DESTINATION, gzip.compress(rows.encode(), 1), rows=ROWS)


def wait_on_worker(report):
    sensor = COSInventorySensor(
        task_id="wait",
        bucket=SOURCE,
        inventory_id="mine",
        destination_bucket=DESTINATION,
        destination_prefix="inv",
        date=DATE,
        poke_interval=0.05,
        timeout=20,
    )
    return sensor.execute(make_context())["checksum"]


def event_of(report):
    search = ReportSearch(bucket=DESTINATION, region="ap-guangzhou", prefixes=(report.folder,), dates=(DATE,))
    trigger = COSInventoryTrigger(
        search=search.as_dict(),
        cos_conn_id="cos_default",
        poke_interval=0.05,
        deadline=time.time() + 20,
        timeout=20.0,
    )

    async def only_event():
        (event,) = [event async for event in trigger.run()]
        return event.payload

    return asyncio.run(only_event())


def wait_in_triggerer(report):
    return event_of(report)["checksum"]


def sizes_of(report):
    hook = COSInventoryHook()
    manifest = hook.read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum)
    return [record.size for record in hook.iter_records(manifest)]


def cut_once(after):
    """Cut the first download of a data file, so that it has to go on."""
    left = [after]

    def cut(passing):
        if passing.method == "GET" and ".csv.gz" in passing.target and left:
            return gateways.replace(passing, cut_after=left.pop())
        return passing

    return cut


def upload(path):
    return COSInventoryHook().client.upload_file(SOURCE, "big", path, threshold=1, part_size=1024 * 1024)


@harmless
@pytest.mark.parametrize("wait", [wait_on_worker, wait_in_triggerer], ids=["worker", "triggerer"])
def test_wait_finds_report_behind_gateway(gateway, report, wait, change):
    gateway.changes = [change]
    assert wait(report) == report.checksum


def test_wait_on_worker_names_compression_on_the_way(gateway, report):
    gateway.changes = [gateways.compressed]
    with pytest.raises(COSInventoryCorruptReportError, match="Content-Encoding gzip"):
        wait_on_worker(report)


def test_wait_in_triggerer_names_compression_on_the_way(gateway, report):
    gateway.changes = [gateways.compressed]
    event = event_of(report)
    assert (event["outcome"], event["error"]) == ("error", "COSInventoryCorruptReportError")
    assert "Content-Encoding gzip. Turn off compression" in event["hint"]


def test_manifest_compressed_on_the_way_says_so(gateway, report):
    gateway.changes = [gateways.compressed]
    with pytest.raises(COSInventoryCorruptReportError, match="the answer has Content-Encoding gzip"):
        sizes_of(report)


@harmless
def test_cut_download_goes_on_behind_gateway(gateway, report, change):
    gateway.changes = [change, cut_once(500_000)]
    assert sizes_of(report) == list(range(ROWS))
    assert sum(asked.startswith("bytes=") for _, asked in gateway.passed) == 1


def test_sliced_object_is_read_whole(gateway, report):
    gateway.changes = [gateways.sliced]
    assert sizes_of(report) == list(range(ROWS))


@pytest.mark.parametrize("change", [*HARMLESS, gateways.compressed], ids=lambda change: change.__name__)
def test_multipart_upload_ends_behind_gateway(cos, gateway, tmp_path, change):
    body = Random(1).randbytes(2_500_000)
    (tmp_path / "big").write_bytes(body)
    gateway.changes = [change]
    upload(tmp_path / "big")
    assert cos.get_object(SOURCE, "big") == body


def test_download_compressed_on_the_way_says_so(gateway, report, cos):
    hook = COSInventoryHook()
    manifest = hook.read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum)
    gateway.changes = [gateways.compressed]
    with pytest.raises(COSInventoryRequestError, match=r"not come as it is stored.*Content-Encoding gzip"):
        list(hook.iter_records(manifest))


@pytest.mark.parametrize("length", [gateways.no_length, gateways.chunked], ids=lambda change: change.__name__)
def test_download_compressed_without_length_says_so(gateway, report, length):
    hook = COSInventoryHook()
    manifest = hook.read_manifest(bucket=DESTINATION, manifest_key=report.manifest_key, checksum=report.checksum)
    gateway.changes = [gateways.compressed, length]
    with pytest.raises(COSInventoryRequestError, match=r"not come as it is stored.*Content-Encoding gzip"):
        list(hook.iter_records(manifest))


def test_short_object_without_length_is_refused(cos, gateway, report):
    gateway.changes = [gateways.no_length]
    body = cos.get_object(DESTINATION, report.file_keys[0])
    cos.put_object(DESTINATION, report.file_keys[0], body[:-10])
    with pytest.raises(
        COSInventoryCorruptReportError, match=f"has {len(body) - 10} bytes, the manifest says {len(body)}"
    ):
        sizes_of(report)
