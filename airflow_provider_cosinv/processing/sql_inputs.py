# SPDX-License-Identifier: Apache-2.0
"""
The filesystem of :mod:`.cos_files` as DuckDB sees it: read-only, each object in one version.

.. code-block:: python

    from airflow_provider_cosinv.processing.sql_inputs import SQLInputs

    filesystem = SQLInputs(client=hook.get_conn)
    connection.register_filesystem(filesystem)
    try:
        connection.execute("SELECT sum(Size) FROM read_parquet(['cos://inventorybucket-1250000000/part.parquet'])")
    except duckdb.Error:
        if filesystem.error is not None:
            raise filesystem.error from None
        raise

Only the footer of a Parquet file and the columns of the row groups that a query needs are fetched: DuckDB asks for
them one by one, joins what lies side by side, and does so from several threads at once. So there is no reading ahead
here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, shown
from airflow_provider_cosinv.processing.cos_files import COSFile, COSFileSystem, COSObject
from airflow_provider_cosinv.table.duckdb_errors import INPUTS_ONLY

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

#: Objects whose ends are kept: 32 MiB.
TAILS = 512


class SQLInputs(COSFileSystem):
    """
    The objects that SQL may read, as ``cos://name-APPID/key``. Threads may share it, as DuckDB's do.

    Size and ETag of an object are asked for once, and every range with that ETag: an object that is replaced while
    the filesystem is in use is an error.

    :param client: returns the client of the objects' region
    :param inputs: the paths that may be read, exactly as they are written here: DuckDB 1.5 takes ``cos://a/../b`` for
        ``cos://b``. None is every path
    """

    def __init__(self, *, client: Callable[[], COSClient], inputs: Iterable[str] | None = None) -> None:
        super().__init__(client=client)
        self._inputs = None if inputs is None else frozenset(map(self._strip_protocol, inputs))
        self._lock = threading.Lock()
        self._objects: dict[str, COSObject] = {}
        self._with_tail: deque[COSObject] = deque()
        #: What went wrong first. DuckDB makes a text of its own of it: raise this one instead.
        self.error: BaseException | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        # A key may end in "/" and may contain "?" or "#": take it literally.
        return path.removeprefix("cos://")

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
        Return when an object was put; if COS does not say, always the same time.

        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            return self._find(path).modified

    def open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> COSFile:
        """
        Return an object as a file.

        :raises COSInventoryConfigurationError: if it is to be written
        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            if mode not in ("r", "rb"):
                raise COSInventoryConfigurationError(
                    f"{shown(self.unstrip_protocol(path))} cannot be opened for writing.",
                    parameter="destination",
                    hint="Write to a local file, then publish it.",
                )
            return COSFile(read=partial(self.read_at, path), size=self._find(path).size)

    def read_at(self, path: str, start: int, length: int) -> bytes:
        """
        Return bytes of an object.

        :param start: offset of the first
        :param length: how many; the object must have them all
        :raises COSInventoryError: of the client; kept as :attr:`error`
        """
        with self._keeping_error():
            return self._find(path).read_at(start, length, kept=self._keep)

    def _find(self, path: str) -> COSObject:
        name = self._strip_protocol(path)
        if self._inputs is not None and name not in self._inputs:
            raise COSInventoryConfigurationError(
                f"SQL may not read {shown(self.unstrip_protocol(name))}.", parameter="sql", hint=INPUTS_ONLY
            )
        with self._lock:
            found = self._objects.get(name)
            if found is None:
                found = self._objects[name] = self._object(name)
        found.look()
        return found

    def _keep(self, found: COSObject) -> None:
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
