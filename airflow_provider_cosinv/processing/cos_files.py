# SPDX-License-Identifier: Apache-2.0
"""
Objects of COS as files: an fsspec filesystem, for ``ObjectStoragePath`` and, as :mod:`.sql_inputs`, for DuckDB.

.. code-block:: python

    from airflow_provider_cosinv.processing.cos_files import COSFileSystem

    filesystem = COSFileSystem(client=hook.get_conn)
    with filesystem.open("cos://inventorybucket-1250000000/part.parquet") as file:
        ...

Import this module only where it is used: it imports fsspec. It does not import the SDK: a DAG file may make a path when
it is parsed.
"""

from __future__ import annotations

import errno
import io
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]
from fsspec.utils import stringify_path  # type: ignore[import-untyped]

from airflow_provider_cosinv.cos.settings import POOL_SIZE
from airflow_provider_cosinv.exceptions import COSInventoryNotFoundError, COSInventoryRequestError, shown

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient
    from airflow_provider_cosinv.cos.protocol.models import CommonPrefix, ListedObject

log = logging.getLogger(__name__)

#: Bytes at the end of an object, fetched in one request and kept, because DuckDB reads the end first for each query.
#: The footer of a Parquet file fits unless it has hundreds of row groups.
TAIL = 64 * 1024
#: Bytes of one request when a file is read from start to end; what fsspec reads at once, too.
BLOCK = 5 * 1024 * 1024

_NO_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOT_DELETED = "Objects of COS are not deleted or renamed through a path. Use the console, coscli or a lifecycle rule."


class COSFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """
    The buckets that a client can reach, as ``cos://name-APPID/key``. Threads may share it.

    A folder is what keys have in common up to a slash: there is nothing to make, and an empty one does not exist. An
    open file reads one version of its object: one that is replaced meanwhile is an error. A file that is written
    becomes an object when it is closed, whole or not at all.

    Missing objects and buckets raise ``FileNotFoundError``, everything else the errors of the client: an object that
    may not be read is not a missing one.

    :param client: returns the client of the buckets' region; called when it is first needed
    """

    protocol = "cos"
    # Another client has other credentials: instances are not shared.
    cachable = False

    def __init__(self, *, client: Callable[[], COSClient]) -> None:
        super().__init__()
        self._client = client
        # More requests at once would open connections that are not kept.
        self._slots = threading.Semaphore(POOL_SIZE)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """
        Return ``bucket/key``, without the slash at its end.

        ``ObjectStoragePath`` of Airflow 3.1 passes ``/bucket/key``; its text names a connection, ``cos://name@bucket/key``.
        """
        if isinstance(path, list):
            return [cls._strip_protocol(entry) for entry in path]
        bucket, slash, key = stringify_path(path).removeprefix("cos://").removeprefix("/").partition("/")
        # A user part without a bucket: the slash of Airflow 3.1 comes after it.
        if bucket.endswith("@"):
            bucket, slash, key = key.partition("/")
        return f"{bucket.rpartition('@')[2]}{slash}{key}".rstrip("/")

    def unstrip_protocol(self, name: str) -> str:
        """Return a path with ``cos://`` before it."""
        return f"cos://{self._strip_protocol(name)}"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """
        Return name, size in bytes, type, ETag and time of an object, or name and type of a folder or bucket.

        :raises FileNotFoundError: if there is neither an object nor a key below the path
        :raises COSInventoryError: of the client
        """
        name = self._strip_protocol(path)
        bucket, _, key = name.partition("/")
        if not bucket:
            return _folder("")
        with self._missing(name):
            if not key:
                self._client().head_bucket(bucket)
                return _folder(name)
            try:
                found = self._object(name)
                found.look()
            except COSInventoryNotFoundError:
                if next(iter(self._client().list_objects(bucket, prefix=f"{key}/", max_keys=1)), None) is None:
                    raise
                return _folder(name)
        return _file(name, size=found.size, etag=found.etag, modified=found.modified)

    def exists(self, path: str, **_: Any) -> bool:
        """
        Return whether there is an object, folder or bucket.

        :raises COSInventoryError: of the client: fsspec's own method takes every error for a no
        """
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """
        Return whether there is an object.

        :raises COSInventoryError: of the client, as :meth:`exists`
        """
        try:
            return bool(self.info(path)["type"] == "file")
        except FileNotFoundError:
            return False

    def modified(self, path: str) -> datetime:
        """
        Return when an object was put; if COS does not say, always the same time.

        :raises FileNotFoundError: if there is none
        :raises COSInventoryError: of the client
        """
        modified: datetime = self.info(path).get("LastModified", _NO_TIME)
        return modified

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT002  fsspec's signature
        """
        Return the entries of a folder or bucket, or the object itself; of the root, the buckets of the region.

        :raises FileNotFoundError: if there is neither an object nor a key below the path
        :raises COSInventoryError: of the client
        """
        name = self._strip_protocol(path)
        bucket, _, key = name.partition("/")
        with self._missing(name):
            if not bucket:
                entries = [_folder(one) for one in self._client().list_buckets()]
            else:
                prefix = f"{key}/" if key else ""
                listed = list(self._client().list_objects(bucket, prefix=prefix, delimiter="/"))
                entries = list(_entries(bucket, prefix, listed)) if listed or not key else [self.info(name)]
        return entries if detail else [entry["name"] for entry in entries]

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: Any = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        Return an object as a file: ``r``, ``rb``, ``w`` or ``wb``.

        :raises FileNotFoundError: if there is none
        :raises COSInventoryError: of the client; of a file that is written, when it is closed
        """
        if "w" in mode and compression is not None:
            raise NotImplementedError("Compress what you write to the file: gzip.open(file, 'wb').")
        if "w" in mode and "b" not in mode:
            return _TextWriter(
                self._open(self._strip_protocol(path), "wb"),
                **{name: kwargs[name] for name in ("encoding", "errors", "newline") if name in kwargs},
            )
        return super().open(path, mode, block_size, cache_options, compression, **kwargs)

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **_: Any) -> Any:
        if "/" not in path:
            raise IsADirectoryError(errno.EISDIR, "This is a bucket, and not an object", self.unstrip_protocol(path))
        if mode == "wb":
            return COSWriter(self._publish, path, tempfile.NamedTemporaryFile(prefix="cosinv-"))
        if mode != "rb":
            raise NotImplementedError(f"COS cannot open an object with mode {shown(mode)}. Use 'r', 'rb', 'w' or 'wb'.")
        with self._missing(path):
            found = self._object(path)
            found.look()
        return io.BufferedReader(COSFile(read=found.read_at, size=found.size), block_size or BLOCK)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """
        Copy an object: through this machine, since the client has no copy.

        :raises FileNotFoundError: if there is no such object, or bucket
        :raises COSInventoryError: of the client
        """
        if self.isdir(path1):
            return
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target, BLOCK)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:  # noqa: FBT002
        """Raise: this package deletes no objects."""
        raise NotImplementedError(_NOT_DELETED)

    def rm_file(self, path: str) -> None:
        """Raise: this package deletes no objects."""
        raise NotImplementedError(_NOT_DELETED)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Raise before anything is copied: this package deletes no objects."""
        raise NotImplementedError(_NOT_DELETED)

    def _object(self, name: str) -> COSObject:
        bucket, _, key = name.partition("/")
        return COSObject(client=self._client(), bucket=bucket, key=key, slots=self._slots)

    def _publish(self, name: str, path: Path) -> None:
        bucket, _, key = name.partition("/")
        with self._missing(name):
            self._client().upload_file(bucket, key, path)

    @contextmanager
    def _missing(self, name: str) -> Iterator[None]:
        try:
            yield
        except COSInventoryNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, str(error), self.unstrip_protocol(name)) from error


class COSObject:
    """
    One object, as it was when it was first looked at. Threads may share it.

    :param client: COS client in the bucket's region
    :param bucket: full name
    :param key: of the object
    :param slots: requests that the client may have under way at once
    """

    def __init__(self, *, client: COSClient, bucket: str, key: str, slots: threading.Semaphore) -> None:
        self._client = client
        self._slots = slots
        self._bucket = bucket
        self._key = key
        self._is_known = False
        self._lock = threading.Lock()
        self.etag: str | None = None
        self.size = 0
        self.modified = _NO_TIME
        self.tail: bytes | None = None

    def look(self) -> None:
        """
        Ask COS for size and ETag, once.

        :raises COSInventoryError: of the client
        """
        if self._is_known:
            return
        with self._lock:
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
            self.size, self.etag, self.modified = info.size, info.etag, info.last_modified or _NO_TIME
            self._is_known = True

    def read_at(self, start: int, length: int, kept: Callable[[COSObject], None] | None = None) -> bytes:
        """
        Return bytes of the object; its end is fetched once.

        :param start: offset of the first
        :param length: how many; the object must have them all
        :param kept: called when its end has been fetched and is kept
        :raises COSInventoryError: of the client
        """
        tail_start = max(self.size - TAIL, 0)
        if start < tail_start:
            return self._fetch(start, length)
        with self._lock:
            tail = self.tail
            if tail is None:
                tail = self.tail = self._fetch(tail_start, self.size - tail_start)
                if kept is not None:
                    kept(self)
        return tail[start - tail_start :][:length]

    def _fetch(self, start: int, length: int) -> bytes:
        with self._slots:
            return self._client.get_range(self._bucket, self._key, start=start, length=length, if_match=self.etag)


class COSFile(io.RawIOBase):
    """
    One object, open for reading.

    Each thread has a position of its own: DuckDB's threads share a file, and one that has set its position may have
    to wait for another's turn before it reads. With one position for all, results would be wrong without an error.

    :param read: returns bytes of the object, by offset and length
    :param size: of the object, bytes
    """

    def __init__(self, *, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read = read
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
        data = self._read(start, length) if length else b""
        self._positions[threading.get_ident()] = start + len(data)
        return data

    def readall(self) -> bytes:
        """Return the bytes up to the end, in one request."""
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, and return how many bytes were read."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class COSWriter(io.BufferedIOBase):
    """
    One object, open for writing: a temporary file that is uploaded when it is closed.

    It is not uploaded if the ``with`` block ends in an error, or if nobody closes it.

    :param publish: uploads a file, by the name of the object and the path of the file
    :param name: ``bucket/key``
    :param file: temporary file with a name, which closing removes
    """

    def __init__(self, publish: Callable[[str, Path], None], name: str, file: Any) -> None:
        super().__init__()
        self._publish = publish
        self._name = name
        self._is_wanted = True
        self._file = file

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write bytes, and return how many."""
        return int(self._file.write(data))

    def seekable(self) -> bool:
        """Return True: what is sent is sent in the end."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position, and return it."""
        return int(self._file.seek(offset, whence))

    def discard(self) -> None:
        """Let :meth:`close` upload nothing."""
        self._is_wanted = False

    def close(self) -> None:
        """
        Upload what was written, once.

        :raises FileNotFoundError: if there is no such bucket
        :raises COSInventoryError: of the client
        """
        if self.closed:
            return
        try:
            super().close()
            self._file.flush()
            if self._is_wanted:
                self._publish(self._name, Path(self._file.name))
        finally:
            self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file; after an error nothing is uploaded."""
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        """Forget a file that was not closed: nobody said that it is whole."""
        if not self.closed:
            log.warning("cos://%s was not closed after writing, so it is not uploaded.", shown(self._name))
            self.discard()
            self.close()


class _TextWriter(io.TextIOWrapper):
    """The same for text: the standard wrapper would close, and so upload, a file after an error, too."""

    def __init__(self, writer: COSWriter, **options: Any) -> None:
        self._writer = writer
        super().__init__(writer, **options)  # type: ignore[arg-type]  # it has no name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file; after an error nothing is uploaded."""
        if kind is not None:
            self._writer.discard()
        self.close()

    def __del__(self) -> None:
        """Forget a file that was not closed."""
        self._writer.__del__()


def _entries(bucket: str, prefix: str, listed: list[ListedObject | CommonPrefix]) -> Iterator[dict[str, Any]]:
    """Yield what a page of a folder is to fsspec."""
    from airflow_provider_cosinv.cos.protocol.models import ListedObject

    for one in listed:
        if isinstance(one, ListedObject):
            # Consoles mark a folder by an object of its name, with the slash.
            if one.key != prefix:
                yield _file(f"{bucket}/{one.key}", size=one.size, etag=one.etag, modified=one.last_modified or _NO_TIME)
        elif one.prefix == f"{prefix}/":
            log.warning(
                "The keys below cos://%s have a folder without a name: not listed.", shown(f"{bucket}/{one.prefix}")
            )
        else:
            yield _folder(f"{bucket}/{one.prefix.removesuffix('/')}")


def _file(name: str, *, size: int, etag: str | None, modified: datetime) -> dict[str, Any]:
    return {"name": name, "size": size, "type": "file", "ETag": etag, "LastModified": modified}


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}
