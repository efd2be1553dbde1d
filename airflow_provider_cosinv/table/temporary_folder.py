# SPDX-License-Identifier: Apache-2.0
"""A temporary folder that is taken away in the end; after the death of its process, by the next one that needs one."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError, shown

log = logging.getLogger(__name__)

#: Numbers of the errors that go on until somebody makes room or mends a disk; everything else is a wrong path or a
#: missing permission.
MAY_PASS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE})

# A folder is locked as soon as it is made: within this, one without a lock may be on its way there.
_SECONDS_TO_LOCK = 60
_MAY_PASS_TEXTS = tuple(map(os.strerror, MAY_PASS))


def may_pass(text: str) -> bool:
    """Return whether a text, such as DuckDB's of an error, tells of one of :data:`MAY_PASS`."""
    return any(known in text for known in _MAY_PASS_TEXTS)


@contextmanager
def temporary_folder(parent: str | None) -> Iterator[Path]:
    """
    Make a folder, and remove it in the end.

    A process that is killed removes nothing. So a folder is locked while it is used, which ends with the process, and
    those of this user and host that nobody holds are removed first. Where a file system locks no folders, they stay.

    :param parent: where; None is the system's place for temporary files
    :raises COSInventoryConfigurationError: where none can be made
    :raises COSInventoryTransientError: where the disk is full
    """
    place = parent or tempfile.gettempdir()
    # Other hosts may share the place, and their locks may not be seen here.
    prefix = f"cos-inventory-{socket.gethostname()}-"
    with suppress(OSError):
        _remove_left_behind(Path(place), prefix)
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, dir=place)
    except OSError as error:
        cls = COSInventoryTransientError if error.errno in MAY_PASS else COSInventoryConfigurationError
        raise cls(
            f"No folder can be made in {shown(place)}: {error.strerror}.",
            parameter="temp_directory",
            hint="Give temp_directory a folder that the task may write to.",
        ) from None
    lock = _locked(Path(folder.name))
    try:
        with folder as name:
            yield Path(name)
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def writing_there() -> Iterator[None]:
    """
    Write files to a temporary folder.

    :raises COSInventoryTransientError: where its disk is full, or fails
    """
    try:
        yield
    except OSError as error:
        if error.errno not in MAY_PASS:
            raise
        raise COSInventoryTransientError(
            f"A file cannot be written to the temporary folder: {shown(error)}.",
            parameter="temp_directory",
            hint="Make room on the disk of temp_directory, or give it another.",
        ) from None


def _locked(folder: Path) -> int | None:
    """Lock a folder; return what to close in the end, None where it cannot be locked."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    if not lock_file(opened):
        os.close(opened)
        return None
    return opened


def _remove_left_behind(place: Path, prefix: str) -> None:
    # As tempfile ends a name.
    ours = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")
    for folder in place.iterdir():
        if not ours.fullmatch(folder.name) or not _may_be_left(folder) or (lock := _locked(folder)) is None:
            continue
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
        if not folder.exists():
            log.info("Removed the temporary folder %s, which a task that was killed had left", shown(folder))


def _may_be_left(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        # Its task has just ended.
        return False
    return found.st_uid == os.getuid() and time.time() - found.st_mtime > _SECONDS_TO_LOCK


def lock_file(opened: int) -> bool:
    """
    Lock an open file, or folder, for as long as it stays open, which the death of its process ends, too.

    :param opened: its descriptor
    :return: False where another one holds it, or its file system locks no files
    """
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_files_left_behind(place: Path, ours: re.Pattern[str]) -> None:
    """
    Remove the files of killed processes: those of this user that nobody holds by :func:`lock_file`.

    One that is so new that it may be about to be locked stays, and so do all where the file system locks no files.

    :param place: the folder
    :param ours: their names, which must say the host: the locks of others may not be seen here
    :raises OSError: where the folder cannot be listed
    """
    for file in place.iterdir():
        if not ours.fullmatch(file.name) or not _may_be_left(file):
            continue
        # Each by itself: it may vanish meanwhile, and be of a mode that lets nobody open it. Some file systems lock
        # nothing that is open for reading only.
        with suppress(OSError):
            opened = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if lock_file(opened):
                    file.unlink()
                    log.info("Removed the file %s, which a task that was killed had left", shown(file))
            finally:
                os.close(opened)
