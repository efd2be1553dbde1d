# SPDX-License-Identifier: Apache-2.0
"""
Data files on their way to DuckDB: a few threads read and check them, each a file of its own.

Nothing is kept on disk, and what is read ahead is bounded. The rows of a file stay in their order; files take turns, so
that no thread waits for its turn to come. A thread for which no file is left helps the others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import TYPE_CHECKING

from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.verified_bytes import verified
from airflow_provider_cosinv.table.csv.work_sharing import WorkSharing

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Self

# Of rows that DuckDB has not asked for yet, of each file that is open.
_AHEAD_BYTES = 24 * 1024 * 1024
# What a file hands on before it is another's turn: a row group of Parquet, whose keys then lie close together.
_TURN_ROWS = 122_880
# glibc's malloc keeps, for what is asked for next, twice the largest piece that it saw freed; where that is small, it
# gives the memory of each block back to the system, and that of the next is faulted in anew. It heeds no larger one.
_LARGEST_PIECE_BYTES = 31 * 1024 * 1024
# Seconds of one wait: a signal that arrives just before a wait begins is handled only after it.
_PATIENCE = 0.2
# Seconds for threads to end once nothing is wanted of them: one may wait for the network. Airflow kills a task five
# seconds after it asked it to stop, and there is more to do in them.
_LAST_PATIENCE = 2


class _NotWantedError(Exception):
    """DuckDB wants no more rows."""


@dataclass
class _Ahead:
    """The rows of a file that were read and not asked for yet."""

    batches: deque[pa.RecordBatch] = field(default_factory=deque)
    size: int = 0
    is_whole: bool = False


class ParallelReader:
    """
    The rows of some data files, for one statement; a context manager.

    :param files: in the order in which they are read
    :param bucket: full name of the bucket they lie in, for the errors
    :param open_file: gives the stored bytes of one; called from other threads
    :param read: makes rows of the stored bytes, which it gets verified; it may let others help
    :param threads: that read, each a file of its own, or help
    """

    def __init__(
        self,
        *,
        files: Sequence[DataFile],
        bucket: str,
        open_file: Callable[[DataFile], Iterable[bytes]],
        read: Callable[[Iterator[bytes], DataFile, WorkSharing], Iterator[pa.RecordBatch]],
        threads: int,
    ) -> None:
        self._files = files
        self._bucket = bucket
        self._open_file = open_file
        self._read = read
        self._ahead = [_Ahead() for _ in files]
        self._errors: list[Exception] = []
        self._rows = 0
        self._next_file = 0
        # Guards all of this.
        self._changed = Condition()
        self._helpers = WorkSharing()
        # No more rows are wanted; what was begun is verified to its end.
        self._is_over = False
        # Nothing is.
        self._is_given_up = False
        self._threads = [
            Thread(target=self._serve, name=f"cos-inventory-feed-{number}", daemon=True) for number in range(threads)
        ]

    def __enter__(self) -> Self:
        """Read nothing yet: a statement may want no row."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.give_up()
        self._wait()

    @property
    def rows(self) -> int | None:
        """How many rows the files have; None where not all were read to their end, as a query with a LIMIT does."""
        return self._rows if all(ahead.is_whole for ahead in self._ahead) else None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows.

        :raises Exception: of the first file that is wrong or cannot be read
        """
        for turn in self.turns():
            yield from turn

    def turns(self) -> Iterator[Iterator[pa.RecordBatch]]:
        """
        Yield some rows of one file after the other, to be gone over before the next are asked for.

        :raises Exception: of the first file that is wrong or cannot be read
        """
        self._begin()
        while (ahead := self._fullest()) is not None:
            yield self._turn(ahead)

    def _turn(self, ahead: _Ahead) -> Iterator[pa.RecordBatch]:
        rows = 0
        while rows < _TURN_ROWS:
            with self._changed:
                while not (ahead.batches or ahead.is_whole or self._errors or self._is_given_up):
                    self._changed.wait(_PATIENCE)
                if self._errors:
                    raise self._errors[0]
                if self._is_given_up or not ahead.batches:
                    return
                batch = ahead.batches.popleft()
                ahead.size -= batch.nbytes
                self._changed.notify_all()
            rows += batch.num_rows
            yield batch

    def _fullest(self) -> _Ahead | None:
        """Return the file of which most was read ahead; None where no rows are to come."""
        with self._changed:
            while True:
                if self._errors:
                    raise self._errors[0]
                if self._is_given_up:
                    return None
                fullest = max(self._ahead, key=lambda ahead: ahead.size, default=None)
                if fullest is not None and fullest.batches:
                    return fullest
                if all(ahead.is_whole for ahead in self._ahead):
                    return None
                self._changed.wait(_PATIENCE)

    def give_up(self) -> None:
        """Stop: there are no more rows."""
        with self._changed:
            self._is_over = self._is_given_up = True
            self._changed.notify_all()
        self._helpers.close()

    def finish(self) -> None:
        """
        Wait until each file that was begun is verified to its end.

        :raises Exception: of the first file that is wrong or cannot be read
        """
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._helpers.close()
        self._wait()
        if self._errors:
            raise self._errors[0]

    def _begin(self) -> None:
        # Untouched, it takes no memory.
        bytearray(_LARGEST_PIECE_BYTES)
        for thread in self._threads:
            try:
                thread.start()
            except RuntimeError as error:  # the process has all the threads that it may
                self._fail(error)
                return

    def _wait(self) -> None:
        begun = [thread for thread in self._threads if thread.ident is not None]
        for thread in begun:
            while thread.is_alive() and not self._is_given_up:
                thread.join(_PATIENCE)
        deadline = time.monotonic() + _LAST_PATIENCE
        for thread in begun:
            thread.join(max(0, deadline - time.monotonic()))

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._errors.append(error)
        self.give_up()

    def _serve(self) -> None:
        while (number := self._taken()) is not None:
            try:
                self._pass_on(self._files[number], self._ahead[number])
            except Exception as error:  # noqa: BLE001  handed to the thread that waits for the query
                self._fail(error)
        self._helpers.help()

    def _taken(self) -> int | None:
        with self._changed:
            if self._is_over or self._next_file == len(self._files):
                return None
            self._next_file += 1
            return self._next_file - 1

    def _pass_on(self, file: DataFile, ahead: _Ahead) -> None:
        chunks = verified(self._open_file(file), file=file, bucket=self._bucket)
        try:
            for batch in self._read(chunks, file, self._helpers):
                self._put(batch, ahead)
            # What stands behind the last row counts, too.
            for _ in chunks:
                pass
        except _NotWantedError:
            # Enough was read. What was read counts only if the file is the manifest's.
            for _ in chunks:
                if self._is_given_up:
                    return
            return
        with self._changed:
            ahead.is_whole = True
            self._changed.notify_all()
            is_last = all(ahead.is_whole for ahead in self._ahead)
        if is_last:
            self._helpers.close()

    def _put(self, batch: pa.RecordBatch, ahead: _Ahead) -> None:
        with self._changed:
            self._changed.wait_for(lambda: ahead.size < _AHEAD_BYTES or self._is_over)
            if self._is_over:
                raise _NotWantedError
            ahead.batches.append(batch)
            ahead.size += batch.nbytes
            self._rows += batch.num_rows
            self._changed.notify_all()
