# SPDX-License-Identifier: Apache-2.0
"""How long the event loop stands still while a watcher reads a manifest: an honest large one, and hostile ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.waiting.case import DESTINATION

DATE = "20261126"
_FOLDER = "inv/1250000000/examplebucket"
_SAMPLE = 0.005
_MANIFEST: dict[str, Any] = {
    **{f"{side}Appid": "1250000000" for side in ("source", "destination")},
    "sourceBucket": "examplebucket",
    "destinationBucket": DESTINATION.rpartition("-")[0],
    "fileFormat": "CSV",
    "fileSchema": "Appid, Bucket, Key, Size",
    "filterObjectCount": "1",
}


async def measure_foreign(megabytes: int) -> dict[str, float]:
    """
    Return the seconds for which the loop stood still at most, for each kind of manifest.

    :param megabytes: MiB of each
    """
    from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
    from airflow_provider_cosinv.cos.client import COSClient
    from airflow_provider_cosinv.triggers.cos_inventory import connection_settings

    settings = await connection_settings("cos_default", region=None)
    found = {}
    async with AsyncCOSClient(settings=settings) as client:
        with COSClient(settings=settings) as uploading:
            for kind, body in _manifests(megabytes << 20):
                for name, content in (("json", body), ("checksum", hashlib.md5(body).hexdigest().encode())):
                    key = f"{_FOLDER}/{kind}/{DATE}/manifest.{name}"
                    await asyncio.to_thread(uploading.put_object, DESTINATION, key, content)
                del body
                found[kind] = await _longest_stand(_read(client, settings.region, kind))
    return found


async def _read(client: Any, region: str, kind: str) -> None:
    from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
    from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger

    watcher = COSInventoryEventTrigger(
        bucket="examplebucket-1250000000", inventory_id=kind, destination_bucket=DESTINATION, destination_prefix="inv"
    )
    try:
        # The part of a poll that reads what the bucket holds: the rest needs the Variables of an Airflow.
        await watcher.read_report(client, region, f"{_FOLDER}/{kind}", DATE)
    except COSInventoryCorruptReportError:
        if kind == "honest":
            raise


async def _longest_stand(work: Any) -> float:
    task = asyncio.create_task(work)
    longest = 0.0
    while not task.done():
        began = time.perf_counter()
        await asyncio.sleep(_SAMPLE)
        longest = max(longest, time.perf_counter() - began - _SAMPLE)
    task.result()
    return longest


def _manifests(size: int) -> Iterator[tuple[str, bytes]]:
    head = json.dumps(_MANIFEST)[:-1].encode()
    entry = f'{{"key": "{_FOLDER}/honest/%032x.csv.gz", "size": "502", "md5Checksum": "{"0" * 32}"}}, '
    files = "".join(entry % number for number in range(size // (len(entry) + 28)))
    yield "honest", head + b', "files": [' + files[:-2].encode() + b"]}"
    for kind, unit in (("objects", b'{"":[]},'), ("levels", b"["), ("members", b'"":1,'), ("spaces", b" ")):
        yield (
            kind,
            head + (b', "x": [' if kind == "objects" else b", ") + unit * ((size - len(head)) // len(unit)) + b"]}",
        )
