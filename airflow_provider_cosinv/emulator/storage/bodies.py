# SPDX-License-Identifier: Apache-2.0
"""The bytes of objects: small ones in memory, large ones in files of a folder that goes with the emulator."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from airflow_provider_cosinv.emulator.storage.crc64 import crc64

CHUNK = 256 * 1024
#: Bodies up to this size, in bytes, stay in memory.
IN_MEMORY = 64 * 1024


class Body(Protocol):
    """The bytes of one object."""

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield ``length`` bytes from ``start`` on, in chunks."""
        ...


class MemoryBody:
    """Bytes in memory."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes as one chunk."""
        yield self.data[start : start + length]


class FileBody:
    """Bytes of a file."""

    __slots__ = ("__weakref__", "path")

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes; the file is open only while they are read."""
        with self.path.open("rb") as file:
            file.seek(start)
            while length > 0 and (chunk := file.read(min(CHUNK, length))):
                length -= len(chunk)
                yield chunk


class JoinedBody:
    """Bodies one after the other, each with its size in bytes."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[tuple[Body, int]]) -> None:
        self._parts = tuple(parts)

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of each body that has some of them."""
        for body, size in self._parts:
            here = min(size - start, length)
            if here > 0:
                yield from body.read(start, here)
                length -= here
            start = max(start - size, 0)


EMPTY = MemoryBody(b"")


class Spool:
    """A temporary folder for large bodies; a file goes with the last object that uses it, the folder at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cosinv-emulator-")

    def writer(self) -> SpoolWriter:
        """Return a file to write one body to."""
        return SpoolWriter(Path(self._folder.name))

    def close(self) -> None:
        """Remove the folder and what is in it."""
        self._folder.cleanup()


class SpoolWriter:
    """
    A body being written: it counts and hashes, and stays in memory while it is small.

    After :meth:`finish`, ``size``, ``md5`` (bytes) and ``crc64`` tell about it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._md5 = hashlib.md5()  # noqa: S324  COS's choice
        self.size = 0
        self.crc64 = 0
        self.md5 = b""

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self._md5.update(data)
        self.crc64 = crc64(data, self.crc64)
        self.size += len(data)
        if self._file is None and self.size <= IN_MEMORY:
            self._memory += data
        else:
            self._open().write(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: a GzipFile asks for it."""

    def finish(self) -> Body:
        """Return the body; nothing can be added any more."""
        self.md5 = self._md5.digest()
        if self._file is None or self._path is None:
            return MemoryBody(bytes(self._memory))
        self._file.close()
        body = FileBody(self._path)
        weakref.finalize(body, self._path.unlink, missing_ok=True)
        return body

    def discard(self) -> None:
        """Forget what was written."""
        self._memory.clear()
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        if self._file is None:
            handle, name = tempfile.mkstemp(dir=self._folder)
            self._path = Path(name)
            self._file = os.fdopen(handle, "wb")
            self._file.write(self._memory)
            self._memory.clear()
        return self._file
