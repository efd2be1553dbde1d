# SPDX-License-Identifier: Apache-2.0
"""Whoever writes to the bucket, or answers in the place of COS, cannot hurt the triggerer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import threading
from datetime import datetime, timezone
from typing import Any

import pytest
import structlog
from airflow.sdk.execution_time.comms import GetVariable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory import ReportSearch
from airflow_provider_cosinv.inventory.report.watermark import Watermark
from airflow_provider_cosinv.triggers import cos_inventory_event
from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger
from airflow_provider_cosinv.triggers.cos_inventory_event import COSInventoryEventTrigger
from tests.cos.scripted_server import Reply, ScriptedServer
from tests.inventory.strategies import damaged, json_values, scrambled
from tests.support.encoding import carry

# Airflow 3.1 warns of itself where a process that has a supervisor reads a connection from the environment.
pytestmark = pytest.mark.filterwarnings("ignore:Using Connection.from_json from `airflow.models`:DeprecationWarning")

BUCKET = "inventorybucket-1250000000"
FOLDER = "inv/1250000000/examplebucket/daily"
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
DATE, TODAY = "20261122", "20261123"
MIB = 1024 * 1024
MANIFEST: dict[str, Any] = {
    "sourceAppid": "1250000000",
    "sourceBucket": "examplebucket",
    "destinationAppid": "1250000000",
    "destinationBucket": "inventorybucket",
    "fileFormat": "CSV",
    "listObjectCount": "1",
    "listStorageSize": "1",
    "filterObjectCount": "1",
    "filterStorageSize": "1",
    "fileSchema": "Appid, Bucket, Key, Size",
    "files": [{"key": f"{FOLDER}/{'a' * 32}.csv.gz", "size": "502", "md5Checksum": "0" * 32}],
}
SOUND = json.dumps(MANIFEST).encode()
HOSTILE = [
    10**19,
    2**63,
    "99999999999999999999",
    "9" * 5000,
    "a\ud800",
    "a\0b",
    "x" * 100_000,
    "\u202e",
    [[]],
    -1,
    1e999,
]


def listing_of(*dates: str) -> bytes:
    folders = "".join(f"<CommonPrefixes><Prefix>{FOLDER}/{date}/</Prefix></CommonPrefixes>" for date in dates)
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{folders}</ListBucketResult>".encode()


@st.composite
def hostile_manifests(draw: st.DrawFn) -> bytes:
    """JSON as COS writes it, with some values that it never writes."""
    document = json.loads(SOUND)
    for name in draw(
        st.lists(st.sampled_from([*MANIFEST, "size", "key", "inventoriedRecord"]), min_size=1, max_size=3)
    ):
        target = document if name in MANIFEST else next(iter(document["files"] or [{}]))
        if isinstance(target, dict):
            target[name] = draw(st.sampled_from(HOSTILE) | json_values)
    return json.dumps(document).encode()


statuses = st.sampled_from([200] * 8 + [204, 206, 302, 400, 403, 404, 416, 500, 503, 599, 999])
headers = st.dictionaries(
    st.sampled_from(["x-cos-request-id", "x-cos-trace-id", "last-modified", "date", "etag", "location"]),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
    | st.just("Fri, 31 Dec 9999 23:59:59 -2300"),
    max_size=3,
)
replies = st.builds(
    lambda status, headers, body: Reply(status=status, headers=headers, body=body, bare=True),
    statuses,
    headers,
    st.binary(max_size=50) | damaged(listing_of(DATE)) | scrambled(listing_of(DATE)),
)


@st.composite
def buckets(draw: st.DrawFn) -> dict[str, Reply]:
    """What the bucket answers, by the end of the path."""
    manifest = draw(st.just(SOUND) | hostile_manifests() | damaged(SOUND) | st.binary(max_size=100))
    checksum = draw(st.just(hashlib.md5(manifest).hexdigest().encode()) | st.binary(max_size=40))
    sound = {"": listing_of(DATE), "manifest.checksum": checksum, "manifest.json": manifest}
    answers = {name: Reply(body=body, headers=draw(headers)) for name, body in sound.items()}
    return answers | draw(st.dictionaries(st.sampled_from(list(sound)), replies, max_size=1))


@pytest.fixture(scope="module")
def server():
    started = ScriptedServer()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def connection(server, impatient_retries, monkeypatch):
    """``cos_default`` leads to the server, and clients and triggers are not patient."""
    extra = {"region": "ap-guangzhou", "endpoint_url": server.url, "timeout": 5}
    connection = {"conn_type": "cos", "login": "AKIDx", "password": "secretsecret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(cos_inventory_event, "_UNTIL_STORED", 0.001)
    monkeypatch.setattr(cos_inventory_event, "_now", lambda: NOW)


def answer(server: ScriptedServer, answers: dict[str, Reply]) -> None:
    server.answer(lambda seen: answers[seen.target.partition("?")[0].rpartition("/")[2]])


def bucket_of(manifest: bytes, date: str = DATE) -> dict[str, Reply]:
    checksum = hashlib.md5(manifest).hexdigest().encode()
    return {
        "": Reply(body=listing_of(date)),
        "manifest.checksum": Reply(body=checksum),
        "manifest.json": Reply(body=manifest),
    }


def make_wait(**parameters: Any) -> COSInventoryTrigger:
    search = ReportSearch(bucket=BUCKET, region="ap-guangzhou", prefixes=(FOLDER,), dates=(DATE,))
    arguments = {"search": search.as_dict(), "cos_conn_id": "cos_default", "poke_interval": 0.01, **parameters}
    # Its time is over: it looks once.
    return COSInventoryTrigger(**arguments, deadline=0, timeout=1.0, job={"job_id": "x"})


def make_watcher(**parameters: Any) -> COSInventoryEventTrigger:
    arguments = {"poke_interval": 0.001, "since": DATE, "watermark": "mine", **parameters}
    return COSInventoryEventTrigger(
        bucket="examplebucket-1250000000",
        inventory_id="daily",
        destination_bucket=BUCKET,
        destination_prefix="inv",
        **arguments,
    )


async def event_of(wait: COSInventoryTrigger) -> Any:
    (event,) = [event async for event in wait.run()]
    return event.payload


async def watched(supervisor, watcher, *, polls: int = 1) -> list[Any]:
    """What it announces in so many polls; it must go on after them."""
    payloads: list[Any] = []
    begun = threading.Semaphore(0)

    def count(request: Any) -> bool:
        if isinstance(request, GetVariable) and request.key == watcher.variable:
            begun.release()
        return False

    async def listen() -> None:
        async for event in watcher.run():
            payloads.append(event.payload)  # noqa: PERF401  it never ends

    # Its first start writes the Variable, and reads it twice more to make sure.
    supervisor.kept.setdefault(watcher.variable, Watermark.before(DATE, now=NOW).as_json())
    supervisor.fails = count
    listening = asyncio.create_task(listen())
    for _ in range(polls + 1):
        while not begun.acquire(blocking=False):
            assert not listening.done(), listening.result()
            await asyncio.sleep(0.001)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return payloads


whatever_comes = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@whatever_comes
@example(answers={"manifest.checksum": Reply(status=403, headers={"x-cos-request-id": "a\xff\xfe"}, bare=True)})
@given(answers=buckets())
def test_wait_yields_one_event_that_airflow_can_carry(server, answers):
    answer(server, answers)
    event = asyncio.run(event_of(make_wait()))
    carry(event)
    assert event["outcome"] in ("found", "error")
    assert "Waiting failed" not in event.get("message", "")


@whatever_comes
@given(answers=buckets())
def test_watcher_announces_what_airflow_can_carry_and_goes_on(server, supervisor, answers):
    supervisor.kept.clear()
    answer(server, answers)
    with structlog.testing.capture_logs() as logged:
        payloads = asyncio.run(watched(supervisor, make_watcher()))
    for payload in payloads:
        carry(payload)
        assert payload["date"] == DATE
    text = repr(logged)
    assert "Traceback" not in text
    assert "site-packages" not in text


@pytest.mark.parametrize("name", ["listObjectCount", "filterStorageSize", "sourceAppid", "sourceBucket", "fileSchema"])
def test_watcher_announces_no_value_that_airflow_cannot_carry(server, supervisor, name):
    for value in HOSTILE:
        supervisor.kept.clear()
        manifest = {**MANIFEST, name: f"Key, {value}" if name == "fileSchema" else value}
        answer(server, bucket_of(json.dumps(manifest).encode()))
        for payload in asyncio.run(watched(supervisor, make_watcher())):
            carry(payload)


def test_wait_that_fails_unexpectedly_yields_an_error_event():
    event = asyncio.run(event_of(make_wait(search={})))
    carry(event)
    assert (event["outcome"], event["error"], event["job"]) == ("error", "COSInventoryError", {"job_id": "x"})
    assert "Waiting failed in the triggerer (KeyError)" in event["message"]


def test_wait_yields_no_key_that_airflow_cannot_carry(server):
    answer(server, bucket_of(SOUND))
    search = ReportSearch(bucket=BUCKET, region="ap-guangzhou", prefixes=("a\ud800",), dates=(DATE,))
    event = asyncio.run(event_of(make_wait(search=search.as_dict())))
    carry(event)
    assert event["outcome"] == "error"


def test_watcher_that_fails_unexpectedly_says_so_once_and_goes_on(server, supervisor, monkeypatch):
    monkeypatch.setattr(cos_inventory_event, "_LONGEST_INTERVAL", 0.001)
    answer(server, bucket_of(SOUND))
    with structlog.testing.capture_logs() as logged:
        assert asyncio.run(watched(supervisor, make_watcher(poke_interval="often"), polls=3)) == []
    assert sum("cannot be watched" in entry["event"] for entry in logged) == 1


class TestDamagedManifest:
    DAMAGED = json.dumps({**MANIFEST, "listObjectCount": "9" * 20}).encode()

    @staticmethod
    def manifests_read(server):
        return sum("manifest.json" in seen.target for seen in server.seen)

    def test_watcher_reads_it_once(self, server, supervisor):
        answer(server, bucket_of(self.DAMAGED))
        with structlog.testing.capture_logs() as logged:
            assert asyncio.run(watched(supervisor, make_watcher(), polls=3)) == []
        assert self.manifests_read(server) == 1
        assert sum("passed over" in entry["event"] for entry in logged) == 1

    def test_watcher_announces_the_one_that_is_written_after_it(self, server, supervisor):
        watcher = make_watcher()
        answer(server, bucket_of(self.DAMAGED))
        assert asyncio.run(watched(supervisor, watcher)) == []
        answer(server, bucket_of(SOUND))
        (payload,) = asyncio.run(watched(supervisor, watcher))
        assert payload["checksum"] == hashlib.md5(SOUND).hexdigest()


class TestFolderOfADateToCome:
    def test_watcher_passes_over_33_of_them(self, server, supervisor):
        future = [f"2099{month:02}{day:02}" for month in (1, 2) for day in range(1, 18)]
        answer(server, {**bucket_of(SOUND), "": Reply(body=listing_of(TODAY, *future))})
        payloads = asyncio.run(watched(supervisor, make_watcher(), polls=2))
        assert [payload["date"] for payload in payloads] == [TODAY]
        assert json.loads(supervisor.kept["mine"])["announced"] == [TODAY]

    @pytest.mark.parametrize("kept", ["floor", "announced"])
    def test_poisoned_watermark_heals(self, server, supervisor, kept):
        future = tuple(f"209901{day:02}" for day in range(1, 32))
        poisoned = Watermark(floor="20990101") if kept == "floor" else Watermark(announced=future)
        supervisor.kept["mine"] = poisoned.as_json()
        answer(server, {**bucket_of(SOUND), "": Reply(body=listing_of(TODAY))})
        with structlog.testing.capture_logs() as logged:
            payloads = asyncio.run(watched(supervisor, make_watcher(), polls=2))
        assert [payload["date"] for payload in payloads] == [TODAY]
        floor = DATE if kept == "floor" else ""
        assert json.loads(supervisor.kept["mine"]) == {"floor": floor, "announced": [TODAY]}
        assert sum("which is after today" in entry["event"] for entry in logged) == (kept == "floor")


class TestManyMegabytes:
    """No call of the triggerer, in its loop or in a thread, has more than 1 MiB of foreign data in its hands."""

    # Keys as long as COS allows: few entries are enough.
    LARGE = json.dumps(
        {
            **MANIFEST,
            "filterObjectCount": "1400",
            "files": [{"key": f"{FOLDER}/{n:0800x}", "size": "1", "md5Checksum": "0" * 32} for n in range(1400)],
        }
    ).encode()

    @pytest.fixture
    def held(self):
        """The lengths of what was in the hands of a call, where it was too much."""
        found = []

        def look(frame, event, argument):
            if event not in ("call", "c_call"):
                return
            name = threading.current_thread().name
            if name != "MainThread" and not name.startswith("asyncio_"):
                return  # the server's
            values = (getattr(argument, "__self__", None), *frame.f_locals.values())
            large = [value for value in values if isinstance(value, (bytes, bytearray, str)) and len(value) > MIB]
            found.extend((frame.f_code.co_name, len(value)) for value in large)

        return look, found

    @pytest.mark.parametrize("way", ["watcher", "wait"])
    @pytest.mark.parametrize("kind", ["honest", "hostile"])
    def test_no_call_of_a_trigger_takes_over_a_mebibyte(self, server, supervisor, held, way, kind):
        look, found = held
        assert len(self.LARGE) > MIB
        answer(server, bucket_of(self.LARGE if kind == "honest" else b'{"x": [' + b"[]," * MIB))

        async def watch() -> list[Any]:
            threading.setprofile(look)
            sys.setprofile(look)
            try:
                return await watched(supervisor, make_watcher()) if way == "watcher" else [await event_of(make_wait())]
            finally:
                sys.setprofile(None)
                threading.setprofile(None)

        payloads = asyncio.run(watch())
        assert not found
        assert len(payloads) == (kind == "honest" or way == "wait")

    def test_no_call_of_a_watcher_takes_over_a_mebibyte_of_a_listing(self, server, supervisor, held):
        look, found = held
        # Folders as long as COS allows, and more of them than a page of COS has.
        listing = listing_of(TODAY, *(f"{n:0800x}" for n in range(1400)))
        assert len(listing) > MIB
        answer(server, {**bucket_of(SOUND), "": Reply(body=listing)})

        async def watch() -> list[Any]:
            sys.setprofile(look)
            try:
                return await watched(supervisor, make_watcher())
            finally:
                sys.setprofile(None)

        payloads = asyncio.run(watch())
        assert not found
        assert [payload["date"] for payload in payloads] == [TODAY]
