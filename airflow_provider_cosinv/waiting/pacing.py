# SPDX-License-Identifier: Apache-2.0
"""
Who may look now: one pacer for each event loop and destination bucket, shared by all waits of the triggerer.

Ten thousand waits that fall due together (the triggerer was restarted, or stood still) are let in a few at a time, so
that the event loop, which all triggers share, is free in between. Where COS asks one of them to slow down, all of them
pause, and come back one by one.

Spread waits are gathered a little: to wake an idle process costs as much CPU as a quarter of a poll, and a poll on its
own wakes it for its time and for each piece of the answer. Those that fall due within a second look together.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextvars import copy_context
from heapq import heappop, heappush
from itertools import count
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_cosinv.exceptions import COSInventoryThrottledError
from airflow_provider_cosinv.waiting.interval import interval_at

#: Looks at one bucket at the same time: half of the connections to its host, so that a bucket that hangs leaves some to
#: others, and as many as the event loop does in one round without being late for anybody. What many looks have in hand
#: at once counts as old to Python's garbage collection, which then stops the loop to look at all that there is.
PLACES = 16

# Seconds. Airflow's scheduler can fail a task whose trigger fires within its first second (apache/airflow#66374).
_EARLIEST = 1.0
_FIRST_PAUSE = 1.0
_TOGETHER = 1.0
# A pause that is shorter is not rounded: it would become longer by over a twentieth.
_ROUNDED = 20 * _TOGETHER
_LONGEST_PAUSE = 60.0


class Pacer:
    """
    Lets waits look, in the order in which they fall due, and no more than some at a time.

    It belongs to the running event loop. It knows from how a look ends what COS thinks of the pace: after "slow
    down" nobody looks for a pause that doubles each time, then one at a time, and each answer opens one place more.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()
        self._timer: asyncio.TimerHandle | None = None
        self._inside = 0
        self._places = PLACES
        self._opens = 0.0
        self._pause = 0.0
        self._slowed = 0.0
        # One context for all timers: call_later would copy it each time.
        self._context = copy_context()

    def turn(self, pause: float, *, within: float) -> Turn:
        """
        Return an async context manager that holds a place while its block looks.

        :param pause: seconds until the look is due; a long one may take a second more
        :param within: seconds to wait for the turn at most
        :raises asyncio.TimeoutError: where the turn did not come in that time
        """
        due = self._loop.time() + pause
        return Turn(self, math.ceil(due / _TOGETHER) * _TOGETHER if pause >= _ROUNDED else due, within)

    async def enter(self, due: float, within: float) -> float:
        """
        Wait for a place.

        :param due: time of the event loop before which there is none
        :param within: seconds to wait at most
        :return: time of the event loop
        :raises asyncio.TimeoutError: where there was none in that time
        """
        place: asyncio.Future[None] = self._loop.create_future()
        heappush(self._queue, (due, next(self._number), place))
        self._let_in()
        # Not wait_for, which swallows a cancellation that meets the turn (Python 3.10 and 3.11).
        expiry = self._loop.call_later(within, _expire, place, context=self._context)
        try:
            await place
        except asyncio.CancelledError:
            # Done, too, is one whose time was over in the same moment; it never held a place.
            if place.done() and not place.cancelled() and place.exception() is None:
                self._give_back()
            raise
        finally:
            expiry.cancel()
        return self._loop.time()

    def leave(self, entered: float, error: BaseException | None) -> None:
        """
        Give a place back.

        :param entered: what :meth:`enter` returned
        :param error: that ended the look: it may say that COS was asked too often
        """
        if isinstance(error, COSInventoryThrottledError):
            self._slow_down(entered)
        elif error is None:
            self._speed_up(entered)
        self._give_back()

    def _give_back(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._queue and self._inside < self._places:
            due, _, place = self._queue[0]
            if not place.done():
                opens = max(due, self._opens)
                if opens > self._loop.time():
                    self._wake(opens)
                    return
                self._inside += 1
                place.set_result(None)
            heappop(self._queue)

    def _wake(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_time, context=self._context)

    def _on_time(self) -> None:
        self._timer = None
        self._let_in()

    def _slow_down(self, entered: float) -> None:
        # Those who asked before the pause began tell the same once more.
        if entered < self._slowed:
            return
        self._slowed = self._loop.time()
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        # Not at the moment at which another triggerer comes back.
        self._opens = self._slowed + self._pause * random.uniform(1, 1.5)  # noqa: S311  no secret
        self._places = 1

    def _speed_up(self, entered: float) -> None:
        if entered < self._slowed or self._places == PLACES:
            return
        self._places += 1
        if self._places == PLACES:
            self._pause = 0.0


class Turn:
    """
    A place with a pacer; an async context manager, see :meth:`Pacer.turn`.

    It is no generator, which is six objects: each of ten thousand waits has one all the time, and a garbage collection,
    which stops the loop, looks at them all.

    :param pacer: whose place it is
    :param due: time of the event loop
    :param within: seconds
    """

    __slots__ = ("_due", "_entered", "_pacer", "_within")

    def __init__(self, pacer: Pacer, due: float, within: float) -> None:
        self._pacer = pacer
        self._due = due
        self._within = within
        self._entered = 0.0

    async def __aenter__(self) -> None:
        """Wait for the place."""
        self._entered = await self._pacer.enter(self._due, self._within)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        """Give it back, and tell how the look ended."""
        self._pacer.leave(self._entered, error)


def _expire(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(asyncio.TimeoutError())


_pacers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, Pacer]] = WeakKeyDictionary()


def pacer_of(bucket: str) -> Pacer:
    """
    Return the pacer of the running event loop for a bucket; it lasts as long as a wait holds it.

    :param bucket: full name of the destination bucket
    """
    pacers = _pacers.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    pacer = pacers.get(bucket)
    if pacer is None:
        pacer = pacers[bucket] = Pacer()
    return pacer


def first_pause(age: float, *, floor: float, cap: float | None) -> float:
    """
    Return the seconds until the first look of a trigger that starts.

    A wait that has just begun was looked for by its worker a moment ago. An older one comes from a triggerer that has
    ended, with all the others of that triggerer: they are spread over a whole interval.

    :param age: of the wait, seconds
    :param floor: seconds between two looks at least
    :param cap: seconds, see :func:`interval_at`
    """
    if age < floor:
        return floor * random.uniform(1, 1.25)  # noqa: S311  no secret
    return random.uniform(min(_EARLIEST, floor), interval_at(age, floor=floor, cap=cap))  # noqa: S311  no secret


def next_pause(age: float, *, floor: float, cap: float | None) -> float:
    """
    Return the seconds until the next look; a little is drawn at random, so that waits that met do not stay together.

    :param age: of the wait, seconds
    :param floor: seconds between two looks at least
    :param cap: seconds, see :func:`interval_at`
    """
    return interval_at(age, floor=floor, cap=cap) * random.uniform(1, 1.1)  # noqa: S311  no secret
