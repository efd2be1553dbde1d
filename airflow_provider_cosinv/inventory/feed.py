# SPDX-License-Identifier: Apache-2.0
"""
Data files on their way to DuckDB: through named pipes, verified while they pass.

DuckDB opens a pipe when it wants the file; one thread then reads, checks, inflates and writes it. Nothing is kept on
disk, and as many files are under way as DuckDB has threads.
"""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from airflow_provider_cosinv.inventory.manifest import DataFile
from airflow_provider_cosinv.inventory.stored import verified

if TYPE_CHECKING:
    from typing_extensions import Self

# DuckDB opens files in their order, a few at a time.
_WINDOW = 32
# Seconds between two looks for a reader, and between two looks whether a blocked writer is still wanted.
_PAUSE = 0.003
_PATIENCE = 0.2
# What Linux gives to anyone; a pipe has 64 KiB by itself.
_PIPE_BYTES = 1024 * 1024


class Feed:
    """
    Pipes for the data files of one statement; a context manager.

    :param folder: where to make the pipes; an own, empty one
    :param files: in the order in which they are read
    :param bucket: full name of the bucket they lie in, for the errors
    :param open_file: gives the stored bytes of one
    :param render: makes the CSV that DuckDB reads of the stored bytes, which it gets verified
    :param on_error: called, from another thread, as soon as a file is found to be wrong
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
        self._whole = 0
        # No more pipes are opened, and nothing more is written.
        self._closing = Event()
        self._given_up = Event()
        self._dispatcher = Thread(target=self._dispatch, name="cos-inventory-feed", daemon=True)
        self._servants: list[Thread] = []

    def __enter__(self) -> Self:
        """Make the pipes and wait for readers."""
        for pipe in self.pipes:
            os.mkfifo(pipe, 0o600)
        self._dispatcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and take the pipes away."""
        self._given_up.set()
        self._wait()
        for pipe in self.pipes:
            pipe.unlink()

    @property
    def is_whole(self) -> bool:
        """Whether DuckDB has read each file to its end; it does not where a query has a LIMIT."""
        return self._whole == len(self._files)

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
            servant.join()

    def _dispatch(self) -> None:
        waiting = list(range(len(self.pipes)))
        while waiting and not self._closing.is_set():
            for number in waiting[:_WINDOW]:
                pipe = _open_if_read(self.pipes[number])
                if pipe is not None:
                    waiting.remove(number)
                    servant = Thread(target=self._serve, args=(number, pipe), daemon=True)
                    self._servants.append(servant)
                    servant.start()
            time.sleep(_PAUSE)

    def _serve(self, number: int, pipe: int) -> None:
        file = self._files[number]
        try:
            try:
                chunks = verified(self._open_file(file), file=file, bucket=self._bucket)
                for block in self._render(chunks, file):
                    self._write(pipe, block)
                self._whole += 1
            except BrokenPipeError:
                # Enough was read. What was read counts only if the file is the manifest's.
                for _ in chunks:
                    if self._given_up.is_set():
                        return
            finally:
                os.close(pipe)
        except Exception as error:  # noqa: BLE001  handed to the thread that waits for the query
            self._errors.append(error)
            self._given_up.set()
            self._on_error()

    def _write(self, pipe: int, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                while not select.select([], [pipe], [], _PATIENCE)[1]:
                    if self._given_up.is_set():
                        raise BrokenPipeError from None


def _open_if_read(pipe: Path) -> int | None:
    try:
        opened = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody reads it yet
        return None
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:  # the user's pipes have all the memory that they may
            return opened
    return opened
