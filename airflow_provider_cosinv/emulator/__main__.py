# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_provider_cosinv.emulator``."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.table import Table

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.credentials import DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.hosts import is_loopback
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings

_EXAMPLE_BUCKET = "examplebucket-1250000000"
_INVENTORY_BUCKET = "inventorybucket-1250000000"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the emulator until Ctrl-C or SIGTERM.

    :return: the exit status
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        emulator = COSEmulator(
            host=options.host,
            port=options.port,
            secret_id=options.secret_id,
            secret_key=options.secret_key,
            tls=tuple(options.tls) if options.tls else None,
            settings=EmulatorSettings(
                region=options.region,
                delivery=Delivery.parse(options.deliver),
                report_timezone=options.report_timezone,
                rows_per_file=options.rows_per_file,
                post_rate=options.post_rate,
            ),
        )
        with emulator:
            skipped = _fill(emulator, options)
            _announce(emulator, skipped)
            if options.ready_file is not None:
                _write_ready_file(emulator, options.ready_file)
            stop.wait()
    except (COSError, OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {_told(error, options)}\n")
    finally:
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
    return 0


def _told(error: COSError | OSError | ValueError, options: argparse.Namespace) -> str:
    if isinstance(error, COSError):
        return f"{error.code}: {error.message}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {options.port} is taken: choose another with --port."
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_cosinv.emulator",
        description="A local Tencent Cloud COS that really takes bucket inventories.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: this machine only)")
    parser.add_argument("--port", type=int, default=9000, help="port to bind; 0 is any free one (default: 9000)")
    parser.add_argument(
        "--tls", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"), help="PEM files; without them it speaks plain HTTP"
    )
    parser.add_argument("--region", default="ap-guangzhou", help="region of the buckets (default: %(default)s)")
    parser.add_argument("--secret-id", default=DEFAULT_SECRET_ID, help="SecretId that may do everything")
    parser.add_argument("--secret-key", default=DEFAULT_SECRET_KEY, help="its SecretKey")
    parser.add_argument(
        "--bucket",
        action="append",
        default=[],
        metavar="NAME-APPID",
        help=f"create an empty bucket; can be repeated (default: {_INVENTORY_BUCKET}, and {_EXAMPLE_BUCKET})",
    )
    parser.add_argument("--seed-dir", type=Path, metavar="DIR", help="make a bucket out of a directory tree")
    parser.add_argument(
        "--seed-bucket", default=_EXAMPLE_BUCKET, metavar="NAME-APPID", help="its name (default: %(default)s)"
    )
    parser.add_argument("--objects", type=int, metavar="N", help="make a bucket of N made-up objects")
    parser.add_argument(
        "--objects-bucket", default=_EXAMPLE_BUCKET, metavar="NAME-APPID", help="its name (default: %(default)s)"
    )
    parser.add_argument(
        "--deliver",
        default="now",
        metavar="WHEN",
        help="when a finished report becomes visible: now, polls:N or seconds:T (default: %(default)s)",
    )
    parser.add_argument(
        "--report-timezone",
        default="Asia/Shanghai",
        metavar="ZONE",
        help="time zone of the date in a report's path, such as UTC or +08:00 (default: %(default)s)",
    )
    parser.add_argument(
        "--rows-per-file", type=int, default=1_000_000, metavar="N", help="rows of one data file at most"
    )
    parser.add_argument(
        "--post-rate",
        type=float,
        default=1.0,
        metavar="N",
        help="one-time inventories that a bucket takes per second; 0 is any number (default: 1, as in COS)",
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="PATH", help="write URL, port and connection there as JSON when ready"
    )
    return parser


def _fill(emulator: COSEmulator, options: argparse.Namespace) -> int:
    """Create the buckets; return how many files of the directory were skipped."""
    if options.objects is not None and options.objects < 0:
        raise ValueError(f"--objects is {options.objects}; it must not be negative.")
    if options.seed_dir is not None and not options.seed_dir.is_dir():
        raise ValueError(f"--seed-dir {options.seed_dir} is not a directory.")
    filled: dict[str, tuple[Path | None, int | None]] = {}
    if options.seed_dir is not None:
        filled[options.seed_bucket] = (options.seed_dir, None)
    if options.objects is not None:
        if options.objects_bucket in filled:
            raise ValueError(f"--objects-bucket: {options.objects_bucket} is the bucket of --seed-dir; name another.")
        filled[options.objects_bucket] = (None, options.objects)
    skipped = 0
    for name, (directory, objects) in filled.items():
        skipped += emulator.create_bucket(name, directory=directory, objects=objects)
    empty = options.bucket or [_INVENTORY_BUCKET, *([] if filled else [_EXAMPLE_BUCKET])]
    for name in dict.fromkeys(empty):
        if name not in filled:
            emulator.create_bucket(name)
    return skipped


def _announce(emulator: COSEmulator, skipped: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not is_loopback(emulator.host):
        console.print(
            f"[yellow]Warning: {emulator.host} is not loopback; everybody on the network can reach the emulator."
        )
    if skipped:
        console.print(f"[yellow]Warning: {skipped} files or folders cannot be read and were left out.")
    console.print(f"A local COS listens at [bold]{emulator.url}[/bold]")
    console.print("\nTo use it from Airflow:\n")
    console.print(f"export AIRFLOW_CONN_COS_DEFAULT={shlex.quote(emulator.connection_json)}\n", markup=False)
    table = Table("bucket", "region", box=None)
    table.add_column("objects", justify="right")
    table.add_column("bytes", justify="right")
    for bucket in emulator.state()["buckets"]:
        table.add_row(bucket["name"], bucket["region"], f"{bucket['objects']:,}", f"{bucket['bytes']:,}")
    console.print(table)
    console.print("\nCtrl-C stops it.")
    sys.stdout.flush()


def _write_ready_file(emulator: COSEmulator, path: Path) -> None:
    ready = {
        "url": emulator.url,
        "host": emulator.host,
        "port": emulator.port,
        "connection": emulator.connection,
        "buckets": emulator.state()["buckets"],
    }
    # Whoever waits for the file must not see half of it.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(ready), encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
