# SPDX-License-Identifier: Apache-2.0
"""
Faults: what goes wrong, for which request, how often.

A fault matches requests by method, action, bucket and key, skips the first ``nth - 1`` of them, and then happens
``times`` times. One mechanism serves requests and the delivery of reports: each object of a report that the
emulator writes is offered to the faults as the action ``DeliverReport``, with the destination bucket and its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any, get_args

from airflow_provider_cosinv.emulator.http import Reply
from airflow_provider_cosinv.emulator.storage.bodies import CHUNK, Body, MemoryBody

#: The action that stands for the writing of one object of a report.
DELIVER_REPORT = "DeliverReport"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    One fault: which requests it meets, then what happens to them.

    Which requests (all conditions hold; None is any):

    :param method: such as ``POST``
    :param action: such as ``PostBucketInventory`` (a regular expression for the whole name)
    :param bucket: a regular expression for the whole name
    :param key: a regular expression that the object's key, or the inventory's id, contains
    :param nth: the first matching request that is met, from 1
    :param times: how many are met; None is all that follow

    What happens, in this order:

    :param delay: seconds before the request is looked at
    :param reset: ``before`` drops the connection then; ``after`` handles the request first, so that it is accepted
        and its answer lost
    :param status: answer this status instead; with ``code`` and ``message`` as the XML error of COS
    :param code: error code of that answer; alone it has its usual status
    :param message: of that answer
    :param body: answer this text (HTML, nothing, broken XML) instead; with ``status`` or 200
    :param content_type: of ``body``
    :param headers: added to the answer, such as ``location`` or ``retry-after``
    :param handle: handle the request before it is answered with ``status`` or ``body``
    :param drop: do not write this object of a report (``DeliverReport`` only)
    :param corrupt_at: offset, bytes, of one wrong byte of the answer's body (or of an object of a report)
    :param truncate_to: bytes of the body that are there; the length is stated accordingly
    :param pad_to: bytes to which the body is filled up with spaces
    :param cut_after: bytes of the body that are sent before the connection closes; the stated length stays
    :param delay_after: seconds between handling and answering
    """

    method: str | None = None
    action: str | None = None
    bucket: str | None = None
    key: str | None = None
    nth: int = 1
    times: int | None = 1
    delay: float = 0.0
    reset: str | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    body: str | None = None
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    handle: bool = False
    drop: bool = False
    corrupt_at: int | None = None
    truncate_to: int | None = None
    pad_to: int | None = None
    cut_after: int | None = None
    delay_after: float = 0.0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fault:
        """
        Return a fault described as JSON, with the names of the parameters.

        :raises ValueError: where a name or value is wrong; the text says which
        :raises TypeError: where a value is of another type
        """
        known = {one.name: str(one.type) for one in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise ValueError(f"A fault has no {name!r}; it knows {', '.join(known)}.")
            if not isinstance(value, _TYPES[known[name]]):
                raise TypeError(f"{name} is {value!r}; it should be {known[name]}.")
        for name in ("action", "bucket", "key"):
            _check_pattern(name, data.get(name) or "")
        if data.get("reset") not in (None, "before", "after"):
            raise ValueError(f"reset is {data['reset']!r}; write before or after.")
        return cls(**data)

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        return asdict(self)

    @property
    def answers(self) -> bool:
        """Whether the fault has an answer of its own."""
        return self.status is not None or self.code is not None or self.body is not None

    def matches(self, *, method: str, action: str, bucket: str, key: str) -> bool:
        """Return whether a request is one that the fault is about."""
        return (
            (self.method is None or self.method.upper() == method)
            and (self.action is None or re.fullmatch(self.action, action) is not None)
            and (self.bucket is None or re.fullmatch(self.bucket, bucket) is not None)
            and (self.key is None or re.search(self.key, key) is not None)
        )

    def spoil(self, reply: Reply) -> Reply:
        """Return an answer with the fault's headers and damages to its body."""
        length = reply.length if self.truncate_to is None else min(reply.length, self.truncate_to)
        whole = _Spoiled(reply, length=length, corrupt_at=self.corrupt_at)
        padded = length if self.pad_to is None else max(length, self.pad_to)
        return Reply(
            status=reply.status,
            headers={**reply.headers, **{name.lower(): value for name, value in self.headers.items()}},
            content=whole,
            length=padded,
        )


_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "str | None": get_args(str | None),
    "int | None": get_args(int | None),
    "Mapping[str, str]": Mapping,
}


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name} is not a valid regular expression: {error}.") from None


@dataclass(frozen=True)
class _Spoiled:
    reply: Reply
    length: int
    corrupt_at: int | None

    def read(self, start: int, length: int) -> Iterator[bytes]:
        # An answer is read from its start to its end.
        done = start
        for chunk in self.reply.content.read(self.reply.start, self.length):
            spoiled = chunk
            if self.corrupt_at is not None and done <= self.corrupt_at < done + len(chunk):
                place = self.corrupt_at - done
                spoiled = chunk[:place] + bytes([chunk[place] ^ 0xFF]) + chunk[place + 1 :]
            done += len(chunk)
            yield spoiled
        while done < length:
            step = min(CHUNK, length - done)
            done += step
            yield b" " * step


def spoil_body(fault: Fault, body: Body, size: int) -> tuple[Body, int]:
    """Return the body of an object of a report, damaged, in memory; and its size."""
    data = b"".join(fault.spoil(Reply(content=body, length=size)).chunks())
    return MemoryBody(data), len(data)


class Faults:
    """The faults in force; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._seen: list[int] = []
        self._happened: list[int] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those that are."""
        with self._lock:
            self._faults.append(fault)
            self._seen.append(0)
            self._happened.append(0)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()
            self._seen.clear()
            self._happened.clear()

    def take(self, *, method: str, action: str, bucket: str, key: str) -> Fault | None:
        """Return the fault that meets a request, if any; it counts as having happened."""
        if not self._faults:
            return None
        with self._lock:
            taken: Fault | None = None
            for number, fault in enumerate(self._faults):
                if not fault.matches(method=method, action=action, bucket=bucket, key=key):
                    continue
                self._seen[number] += 1
                left = fault.times is None or self._happened[number] < fault.times
                if taken is None and left and self._seen[number] >= fault.nth:
                    self._happened[number] += 1
                    taken = fault
            return taken

    def report(self) -> list[dict[str, Any]]:
        """Return the faults and how often each was seen and happened, as JSON."""
        with self._lock:
            rows = zip(self._faults, self._seen, self._happened, strict=True)
            return [{**fault.as_dict(), "seen": seen, "happened": done} for fault, seen, done in rows]
