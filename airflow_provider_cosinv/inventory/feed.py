# SPDX-License-Identifier: Apache-2.0
"""
Data files on their way to DuckDB: through named pipes, verified while they pass.

DuckDB opens a pipe when it wants the file; one thread then reads, checks, inflates and writes it. Nothing is kept on
disk, and as many files are under way as DuckDB has threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.pipe import FeedPipe, open_if_read
from airflow_provider_cosinv.inventory.stored import verified

if TYPE_CHECKING:
    from typing_extensions import Self

# DuckDB opens files in their order, a few at a time.
_WINDOW = 32
# Seconds between two looks for a reader, and between two looks whether a thread is still wanted.
_PAUSE = 0.003
_PATIENCE = 0.2
# Seconds for threads to end once nothing is wanted of them: one may wait for the network.
_LAST_PATIENCE = 5


class Feed:
    """
    Pipes for the data files of one statement; a context manager.

    :param folder: where to make the pipes; an own, empty one
    :param files: in the order in which they are read
    :param bucket: full name of the bucket they lie in, for the errors
    :param open_file: gives the stored bytes of one
    :param render: makes the CSV that DuckDB reads of the stored bytes, which it gets verified
    :param on_error: called, from another thread, as soon as a file is found to be wrong, while the statement runs
    """

    def __init__(
        self,
        *,
        folder: Path,
        files: Sequence[DataFile],
        bucket: str,
        open_file: Callable[[DataFile], Iterable[bytes]],
        render: Callable[[Iterator[bytes], DataFile], Iterable[bytes]],
        on_error: Callable[[], None],
    ) -> None:
        self.pipes = [folder / f"{number}.csv" for number in range(len(files))]
        self._files = files
        self._bucket = bucket
        self._open_file = open_file
        self._render = render
        self._on_error = on_error
        self._errors: list[Exception] = []
        self._whole: list[DataFile] = []
        # Held to tell of an error, and to say that nobody has to be told any more.
        self._telling = Lock()
        self._is_over = False
        # No more pipes are opened, and nothing more is written.
        self._closing = Event()
        self._given_up = Event()
        self._dispatcher = Thread(target=self._dispatch, name="cos-inventory-feed", daemon=True)
        self._servants: list[Thread] = []
        self._open: list[FeedPipe] = []

    def __enter__(self) -> Self:
        """Make the pipes and wait for readers."""
        for pipe in self.pipes:
            os.mkfifo(pipe, 0o600)
        self._dispatcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and take the pipes away."""
        self.give_up()
        self._wait()
        for pipe in self.pipes:
            pipe.unlink(missing_ok=True)

    @property
    def is_whole(self) -> bool:
        """Whether DuckDB has read each file to its end; it does not where a query has a LIMIT."""
        return len(self._whole) == len(self._files)

    def give_up(self) -> None:
        """Stop: DuckDB sees the end of each file."""
        self.end()
        self._close_pipes()

    def end(self) -> None:
        """Say that the statement is over: ``on_error`` is not called any more."""
        with self._telling:
            self._is_over = True

    def finish(self) -> None:
        """
        Wait until each file that was begun is verified to its end.

        :raises Exception: of the first file that is wrong or cannot be read
        """
        self._wait()
        if self._errors:
            raise self._errors[0]

    def _wait(self) -> None:
        self._closing.set()
        self._dispatcher.join()
        for servant in self._servants:
            while servant.is_alive() and not self._given_up.is_set():
                servant.join(_PATIENCE)
        deadline = time.monotonic() + _LAST_PATIENCE
        for servant in self._servants:
            servant.join(max(0, deadline - time.monotonic()))

    def _fail(self, error: Exception) -> None:
        self._errors.append(error)
        # Told before the pipes are closed: the statement must not take that for the end of the files.
        with self._telling:
            if not self._is_over:
                self._on_error()
        self._close_pipes()

    def _close_pipes(self) -> None:
        self._given_up.set()
        for pipe in list(self._open):
            pipe.close()

    def _dispatch(self) -> None:
        waiting = list(range(len(self.pipes)))
        while waiting and not self._closing.is_set():
            for number in waiting[:_WINDOW]:
                pipe = open_if_read(self.pipes[number])
                if pipe is not None:
                    # Whoever opened it again would wait for ever.
                    self.pipes[number].unlink()
                    waiting.remove(number)
                    self._begin(self._files[number], pipe)
            time.sleep(_PAUSE)

    def _begin(self, file: DataFile, pipe: FeedPipe) -> None:
        self._open.append(pipe)
        if self._given_up.is_set():
            pipe.close()
            return
        servant = Thread(target=self._serve, args=(file, pipe), name="cos-inventory-file", daemon=True)
        try:
            servant.start()
        except RuntimeError as error:  # the process has all the threads that it may
            self._fail(error)
        else:
            self._servants.append(servant)

    def _serve(self, file: DataFile, pipe: FeedPipe) -> None:
        try:
            chunks = verified(self._open_file(file), file=file, bucket=self._bucket)
            try:
                for block in self._render(chunks, file):
                    pipe.write(block)
                pipe.finish()
                self._whole.append(file)
            except BrokenPipeError:
                # Enough was read. What was read counts only if the file is the manifest's.
                for _ in chunks:
                    if self._given_up.is_set():
                        return
        except Exception as error:  # noqa: BLE001  handed to the thread that waits for the query
            self._fail(error)
        finally:
            pipe.close()
