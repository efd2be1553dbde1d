# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.records``: the rows of a report as typed records, beside the loop that people write.

The loop checks nothing; the reader checks size, MD5, gzip's CRC, the number of fields and every value. All go over
the same files in turn, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from airflow_provider_cosinv.inventory import Manifest
from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from benchmarks.table_data import ReportFolder
from benchmarks.table_rivals.csv_loop import typed_rows

_CHUNK_BYTES = 256 * 1024


def loop(folder: Path, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """Yield the rows as people read them."""
    return typed_rows(folder / file.key for file in manifest.files)


def reader(folder: Path, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """Yield this package's records."""
    for file in manifest.files:
        chunks = _chunks(folder / file.key)
        yield from read_records(chunks, file=file, bucket=manifest.bucket, columns=manifest.columns)


def reader_without_isal(folder: Path, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """Yield this package's records where isal is not installed."""
    with _not_installed("isal"):
        yield from reader(folder, manifest)


WAYS: dict[str, Callable[[Path, Manifest], Iterable[tuple[Any, ...]]]] = {
    "gzip, csv and urllib": loop,
    "this package, without isal": reader_without_isal,
    "this package": reader,
}


@contextmanager
def _not_installed(name: str) -> Iterator[None]:
    kept = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # so Python refuses to import it
    try:
        yield
    finally:
        del sys.modules[name]
        if kept:
            sys.modules[name] = kept


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def measure(*, folder: Path, rows: int, runs: int) -> dict[str, float]:
    """Return the seconds that each way takes for a report of so many rows, medians of the runs."""
    report = ReportFolder(path=folder, rows=rows, files=2)
    report.make()
    manifest = report.manifest("first")
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, way in WAYS.items():
            started = time.perf_counter()
            seen = sum(1 for _ in way(folder, manifest))
            seconds[name].append(time.perf_counter() - started)
            if seen != manifest.matched_objects:
                raise RuntimeError(f"{name}: {seen} rows instead of {manifest.matched_objects}")
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.records", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the report is kept for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        medians = measure(folder=arguments.folder or Path(temporary), rows=arguments.rows, runs=arguments.runs)
    table = Table(title=f"{arguments.rows:,} rows to typed records, medians of {arguments.runs}")
    table.add_column("way")
    for name in ("seconds", "million rows/s", "times the loop's rows/s"):
        table.add_column(name, justify="right")
    slowest = medians["gzip, csv and urllib"]
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds:.2f}", f"{arguments.rows / seconds / 1e6:.2f}", f"{slowest / seconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
