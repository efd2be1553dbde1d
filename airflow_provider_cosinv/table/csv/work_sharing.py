# SPDX-License-Identifier: Apache-2.0
"""Work sharing: idle reader threads decode blocks for busy ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition
from typing import TypeVar

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class WorkSharing:
    """Where threads with nothing to do meet those with more than they can do at once."""

    def __init__(self) -> None:
        self._tasks: deque[Callable[[], None]] = deque()
        self._idle = 0
        self._is_over = False
        # Guards all of this.
        self._changed = Condition()

    def hand(self, work: Callable[[_Given], _Made], given: _Given) -> Future[_Made] | None:
        """
        Let a thread that has nothing to do call a function.

        :return: what it will return or raise; None where there is no such thread, so that the caller does it better
        """
        future: Future[_Made] = Future()

        def do() -> None:
            try:
                future.set_result(work(given))
            except Exception as error:  # noqa: BLE001  raised where the result is asked for
                future.set_exception(error)

        with self._changed:
            if self._is_over or self._idle <= len(self._tasks):
                return None
            self._tasks.append(do)
            self._changed.notify()
        return future

    def help(self) -> None:
        """Do what is handed over, until it is over."""
        while (task := self._task()) is not None:
            task()

    def close(self) -> None:
        """Hand over nothing more: what was handed over is still done."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _task(self) -> Callable[[], None] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks or self._is_over)
            self._idle -= 1
            return self._tasks.popleft() if self._tasks else None
