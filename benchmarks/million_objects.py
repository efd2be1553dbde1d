# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.million_objects``: a whole report, from submission to the last record, against the emulator.

The emulator runs as a process of its own, so that its memory can be told apart from the reader's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BUCKET = "examplebucket-1250000000"
DESTINATION = "inventorybucket-1250000000"
_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Result:
    """
    What was seen.

    :param objects: that the emulator says it holds
    :param bytes: of them
    :param records: that were read through the hook
    :param record_bytes: of them
    :param report_seconds: from the submission to the verified manifest
    :param record_seconds: for reading all records, median of the runs
    :param emulator_mib: most memory of the emulator
    :param reader_mib: memory that reading the records added to this process at its peak
    """

    objects: int
    bytes: int
    records: int
    record_bytes: int
    report_seconds: float
    record_seconds: float
    emulator_mib: float
    reader_mib: float


def measure(*, objects: int, runs: int) -> Result:
    """Take one inventory of so many made-up objects and read it so many times."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "airflow_provider_cosinv.emulator", "--port", "0", "--bucket", DESTINATION]
        command += ["--objects", str(objects), "--objects-bucket", BUCKET, "--ready-file", str(ready)]
        emulator = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            return _measure(emulator.pid, _read_when_there(ready), runs)
        finally:
            emulator.terminate()
            emulator.wait(30)


def _read_when_there(path: Path) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_size:
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        time.sleep(0.1)
    raise TimeoutError("The emulator did not start within 60 seconds.")


def _measure(pid: int, ready: dict[str, Any], runs: int) -> Result:
    os.environ["AIRFLOW_CONN_COS_DEFAULT"] = json.dumps(ready["connection"])
    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
    from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, InventoryJob

    hook = COSInventoryHook()
    configuration = InventoryConfiguration(
        inventory_id="million",
        destination=Destination(bucket=DESTINATION, region=hook.settings.region, prefix="benchmark"),
    )
    began = time.perf_counter()
    submitted = hook.submit_inventory(bucket=BUCKET, configuration=configuration)
    job = InventoryJob(
        job_id=submitted.job_id,
        inventory_id="million",
        bucket=BUCKET,
        region=hook.settings.region,
        destination_bucket=DESTINATION,
        report_prefix="benchmark/1250000000/examplebucket/million",
        submitted_at=submitted.server_time or datetime.now().astimezone(),
    )
    while not (sighting := hook.find_report(job.search(), grace=60)).ready:
        time.sleep(0.2)
    manifest = hook.read_manifest(
        bucket=DESTINATION, manifest_key=str(sighting.manifest_key), checksum=str(sighting.checksum)
    )
    report_seconds = time.perf_counter() - began

    before = _peak_mib("self")
    records = record_bytes = 0
    timed: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        records = record_bytes = 0
        for record in hook.iter_records(manifest):
            records += 1
            record_bytes += record.size or 0
        timed.append(time.perf_counter() - began)
    reader_mib = _peak_mib("self") - before
    held = _bucket_state(ready["url"])
    return Result(
        objects=held["objects"],
        bytes=held["bytes"],
        records=records,
        record_bytes=record_bytes,
        report_seconds=report_seconds,
        record_seconds=statistics.median(timed),
        emulator_mib=_peak_mib(str(pid)),
        reader_mib=reader_mib,
    )


def _bucket_state(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_emulator/state") as answer:
        buckets: list[dict[str, Any]] = json.load(answer)["buckets"]
    return next(bucket for bucket in buckets if bucket["name"] == BUCKET)


def _peak_mib(pid: str) -> float:
    if pid == "self":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / _MIB
    raise RuntimeError(f"Process {pid} tells no VmHWM.")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    result = measure(objects=options.objects, runs=options.runs)
    table = Table("what", "figure", title=f"{result.objects:,} objects, {result.bytes:,} bytes")
    table.add_row("records read, their bytes", f"{result.records:,}, {result.record_bytes:,}")
    table.add_row("submission to verified manifest", f"{result.report_seconds:.1f} s")
    table.add_row(f"all records through the hook, median of {options.runs}", f"{result.record_seconds:.1f} s")
    table.add_row("most memory of the emulator", f"{result.emulator_mib:.0f} MiB")
    table.add_row("memory that reading added", f"{result.reader_mib:.0f} MiB")
    Console().print(table)


if __name__ == "__main__":
    main()
