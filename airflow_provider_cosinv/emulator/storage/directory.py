# SPDX-License-Identifier: Apache-2.0
"""A bucket out of a real directory tree: names, sizes and times are read at the start, bodies when asked for."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_cosinv.emulator.storage.bodies import FileBody
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion

_HEADERS = {"content-type": "application/octet-stream"}


class DirectoryCatalogue:
    """
    The regular files below a folder, as they were when the catalogue was made.

    Symbolic links are not followed; files and folders that cannot be read, and names that are not UTF-8, are
    skipped and counted in ``skipped``. No body is read for an ETag: it is made of name, size and time and ends in
    ``-1``, the form in which COS says that an ETag is no MD5 (an upload in parts). There is no CRC64.

    :param root: the folder
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.skipped = 0
        self._files = sorted(self._walk(os.fspath(root), ""))

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._files)

    def key(self, index: int) -> str:
        """Return the path of a file below the root, with ``/`` between its parts."""
        return self._files[index][0]

    def entry(self, index: int) -> ObjectVersion:
        """Return an object."""
        key, size, modified = self._files[index]
        digest = hashlib.md5(f"{key}\n{size}\n{modified}".encode())  # noqa: S324  looks like an ETag
        return ObjectVersion(
            key=key,
            size=size,
            last_modified=float(modified),
            etag=f"{digest.hexdigest()}-1",
            body=FileBody(self._root / key),
            headers=_HEADERS,
            is_multipart_uploaded=True,
        )

    def total_size(self) -> int:
        """Return the bytes of all files."""
        return sum(size for _, size, _ in self._files)

    def _walk(self, folder: str, prefix: str) -> Iterator[tuple[str, int, int]]:
        pending = [(folder, prefix)]
        while pending:
            here, prefix = pending.pop()
            try:
                entries = list(os.scandir(here))
            except OSError:
                self.skipped += 1
                continue
            for entry in entries:
                key = prefix + entry.name
                try:
                    key.encode()
                    info = entry.stat(follow_symlinks=False)
                except (OSError, UnicodeEncodeError):
                    self.skipped += 1
                    continue
                if stat.S_ISDIR(info.st_mode):
                    pending.append((entry.path, f"{key}/"))
                elif stat.S_ISREG(info.st_mode) and os.access(entry.path, os.R_OK):
                    yield key, info.st_size, int(info.st_mtime)
                elif stat.S_ISREG(info.st_mode):
                    self.skipped += 1
