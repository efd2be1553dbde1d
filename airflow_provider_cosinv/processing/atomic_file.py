# SPDX-License-Identifier: Apache-2.0
"""A file takes the place of another one at once: it is written beside it, under another name, and renamed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from airflow_provider_cosinv.table.temporary_folder import lock_file, remove_files_left_behind


def replace(source: BinaryIO, target: Path) -> None:
    """
    Put a copy of an open file in the place of another one; the folder is made, too.

    :param source: what is copied, from its position on
    :param target: what is replaced, whole or not at all
    :raises OSError: where it cannot be written; what was there stays
    """
    with _beside(target) as (path, copy):
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        # The name may reach the disk before the bytes do.
        os.fsync(copy.fileno())
        path.replace(target)


def check(target: Path) -> None:
    """
    Find out whether a file can be made beside another one; the folder is made, too.

    :raises OSError: where it cannot
    """
    with _beside(target):
        pass


@contextmanager
def _beside(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """
    Make a file in the folder of another one, and remove it in the end, where it has not been renamed.

    A process that is killed removes nothing. So the file is locked while it is used, and those that were left for the
    same target, on this host, are removed first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Whose it is, short, as the target's name may be as long as a name can be; and no name that a pattern such as
    # *.parquet finds. Other hosts may share the folder, and their locks may not be seen here.
    owner = f"{socket.gethostname()}/{target.name}".encode(errors="surrogatepass")
    prefix = f".cosinv-{hashlib.sha256(owner).hexdigest()[:16]}-"
    # A folder may let a task write that may not list it.
    with suppress(OSError):
        remove_files_left_behind(target.parent, re.compile(re.escape(prefix) + r"[0-9a-f]{16}\.part"))
    path = target.parent / f"{prefix}{secrets.token_hex(8)}.part"
    with path.open("xb") as file:
        try:
            # Where it cannot be locked, nobody else can lock it either, and it is left alone.
            lock_file(file.fileno())
            yield path, file
        finally:
            path.unlink(missing_ok=True)
