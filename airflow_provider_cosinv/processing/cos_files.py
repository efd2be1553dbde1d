# SPDX-License-Identifier: Apache-2.0
"""
Objects of COS as files that DuckDB reads by ranges. Comes with the extra ``table``.

.. code-block:: python

    from airflow_provider_cosinv.processing.cos_files import COSFileSystem

    filesystem = COSFileSystem(client=hook.client)
    connection.register_filesystem(filesystem)
    try:
        connection.execute("SELECT sum(Size) FROM read_parquet(['cos://inventorybucket-1250000000/part.parquet'])")
    except duckdb.Error:
        if filesystem.error is not None:
            raise filesystem.error from None
        raise

Only the footer of a Parquet file and the columns of the row groups that a query needs are fetched: DuckDB asks for
them one by one, joins what lies side by side, and does so from several threads at once. So there is no reading ahead
here. Import this module where it is used: it brings fsspec along.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from airflow_provider_cosinv.cos.session import POOL_SIZE
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryRequestError, shown
from airflow_provider_cosinv.table.duckdb_errors import INPUTS_ONLY

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

#: Bytes at the end of an object that are fetched at once and kept: DuckDB begins there, anew for each query. The
#: footer of a Parquet file fits in unless it has hundreds of row groups.
TAIL = 64 * 1024
#: Objects whose ends are kept: 32 MiB.
TAILS = 512

_NO_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)


class COSFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """
    The objects that a client can read, as ``cos://name-APPID/key``. Threads may share it, as DuckDB's do.

    Size and ETag of an object are asked for once, and every range with that ETag: an object that is replaced while
    the filesystem is in use is an error.

    :param client: of the objects' region
    :param inputs: the paths that may be read, exactly as they are written here: DuckDB 1.5 takes ``cos://a/../b`` for
        ``cos://b``. None is every path
    """

    protocol = "cos"
    # Another client has other credentials: no instance is kept for all.
    cachable = False

    def __init__(self, *, client: COSClient, inputs: Iterable[str] | None = None) -> None:
        super().__init__()
        self._client = client
        self._inputs = None if inputs is None else frozenset(map(self._strip_protocol, inputs))
        self._lock = threading.Lock()
        # More requests at once would open connections that are not kept.
        self._slots = threading.Semaphore(POOL_SIZE)
        self._objects: dict[str, _Object] = {}
        self._with_tail: deque[_Object] = deque()
        #: What went wrong first. DuckDB makes a text of its own of it: raise this one instead.
        self.error: BaseException | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        # A key may end in "/" and may contain "?" or "#": take it literally.
        return path.removeprefix("cos://")

    def unstrip_protocol(self, name: str) -> str:
        """Return a path with ``cos://`` before it."""
        return f"cos://{self._strip_protocol(name)}"

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the path itself: a key may hold any character, and nothing is looked for."""
        return [path]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """
        Return name, size in bytes and type of an object.

        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            return {"name": path, "size": self._find(path).size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """
        Return when an object was put; where COS does not say, always the same time.

        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            return self._find(path).modified

    def open(self, path: str, mode: str = "rb", **_: Any) -> COSFile:
        """
        Return an object as a file.

        :raises COSInventoryConfigurationError: where it is to be written
        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            if mode not in ("r", "rb"):
                raise COSInventoryConfigurationError(
                    f"{shown(self.unstrip_protocol(path))} cannot be opened for writing.",
                    parameter="destination",
                    hint="Write to a local file, then publish it.",
                )
            return COSFile(filesystem=self, path=path, size=self._find(path).size)

    def read_at(self, path: str, start: int, length: int) -> bytes:
        """
        Return bytes of an object.

        :param start: offset of the first
        :param length: how many; the object must have them all
        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            found = self._find(path)
            if start < found.tail_start:
                return found.read(start, length)
            with found.lock:
                tail = found.tail
                if tail is None:
                    tail = found.tail = found.read(found.tail_start, found.size - found.tail_start)
                    self._keep(found)
            return tail[start - found.tail_start :][:length]

    def _find(self, path: str) -> _Object:
        name = self._strip_protocol(path)
        if self._inputs is not None and name not in self._inputs:
            raise COSInventoryConfigurationError(
                f"SQL may not read {shown(self.unstrip_protocol(name))}.", parameter="sql", hint=INPUTS_ONLY
            )
        with self._lock:
            found = self._objects.get(name)
            if found is None:
                bucket, _, key = name.partition("/")
                found = self._objects[name] = _Object(client=self._client, bucket=bucket, key=key, slots=self._slots)
        found.look()
        return found

    def _keep(self, found: _Object) -> None:
        with self._lock:
            self._with_tail.append(found)
            if len(self._with_tail) > TAILS:
                self._with_tail.popleft().tail = None

    @contextmanager
    def _keeping_error(self) -> Iterator[None]:
        try:
            yield
        # All of them: a time-out of the task that strikes in here must not become an error of a query either.
        except BaseException as error:
            with self._lock:
                self.error = self.error or error
            raise


class _Object:
    """One object, as it was when it was first looked at."""

    def __init__(self, *, client: COSClient, bucket: str, key: str, slots: threading.Semaphore) -> None:
        self._client = client
        self._slots = slots
        self._bucket = bucket
        self._key = key
        self._etag: str | None = None
        self._is_known = False
        self.lock = threading.Lock()
        self.size = 0
        self.modified = _NO_TIME
        self.tail: bytes | None = None

    @property
    def tail_start(self) -> int:
        """The offset from which on bytes are kept."""
        return max(self.size - TAIL, 0)

    def look(self) -> None:
        """Ask COS about the object, once."""
        if self._is_known:
            return
        with self.lock:
            if self._is_known:
                return
            info = self._client.head_object(self._bucket, self._key)
            if info.size is None:
                raise COSInventoryRequestError(
                    "The answer to HEAD Object does not tell the size.",
                    bucket=self._bucket,
                    key=self._key,
                    hint="Check endpoint_url and proxies: what answered may not be COS.",
                )
            self.size, self._etag, self.modified = info.size, info.etag, info.last_modified or _NO_TIME
            self._is_known = True

    def read(self, start: int, length: int) -> bytes:
        """Fetch bytes."""
        with self._slots:
            return self._client.get_range(self._bucket, self._key, start=start, length=length, if_match=self._etag)


class COSFile(io.RawIOBase):
    """
    One object, open for reading.

    Each thread has a position of its own: DuckDB's threads share a file, and one that has set its position may have
    to wait for another's turn before it reads. With one position for all, results would be wrong without an error.

    :param filesystem: that the object is read through
    :param path: of the object
    :param size: of the object, bytes
    """

    def __init__(self, *, filesystem: COSFileSystem, path: str, size: int) -> None:
        super().__init__()
        self._filesystem = filesystem
        self._path = path
        self._size = size
        # By thread id. What threading.local keeps is gone when a thread that Python did not start leaves Python.
        self._positions: dict[int, int] = {}

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of this thread."""
        return self._positions.get(threading.get_ident(), 0)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position of this thread, and return it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        self._positions[threading.get_ident()] = position = max(origin + offset, 0)
        return position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes from the position of this thread on, up to the end; it moves on by as many."""
        start = self.tell()
        left = max(self._size - start, 0)
        length = left if size is None or size < 0 else min(size, left)
        data = self._filesystem.read_at(self._path, start, length) if length else b""
        self._positions[threading.get_ident()] = start + len(data)
        return data
