# SPDX-License-Identifier: Apache-2.0
"""
The errors of this package, one tree.

::

    COSInventoryError
    ├── COSInventoryConfigurationError    a wrong value, found before any request (also a ValueError)
    ├── COSInventoryRequestError          COS refused the request; sending it again cannot help
    │   ├── COSInventoryPermissionError   403: credentials, signature, clock or missing permission
    │   ├── COSInventoryNotFoundError     404: no such bucket, object or inventory
    │   └── COSInventoryDuplicateError    the inventory id is in use (DuplicateInventoryId)
    ├── COSInventoryTransientError        network, COS or Airflow failed for now: the same may succeed later
    │   ├── COSInventoryThrottledError    COS asked to slow down
    │   └── COSInventoryUnansweredError   a submission got no answer; COS may have accepted it
    ├── COSInventoryCorruptReportError    a report that is not what its manifest says
    └── COSInventoryTimeoutError          no report in time

The dotted names are stable: a retry policy (Airflow 3.3) may match on those of errors that a retry may heal. The
others, and a wait that timed out, reach Airflow as the cause of an ``AirflowFailException``, which it does not retry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import islice
from reprlib import Repr
from typing import Any

_DETAILS = ("code", "status", "request_id", "trace_id", "bucket", "key", "line", "parameter", "hint")

#: Characters of a text from outside in a log line or an error.
SHOWN_LIMIT = 500
# Characters of a message, which has a sentence of ours around such a text, and of a hint, which may list columns.
_MESSAGE_LIMIT, _HINT_LIMIT = 1000, 2000
# Characters of a detail that a program may read: a key has at most 850 bytes.
_DETAIL_LIMIT = 1024
# Entries of a list or mapping that are written.
_MOST_QUOTED = 20


def shown(value: object, *, limit: int = SHOWN_LIMIT) -> str:
    """
    Return a text from outside as a log line or an error may hold it: one line of printable characters, cut to a limit.

    Line feeds, escape sequences, characters that change the direction of the text and lone surrogates are written as
    Python writes them in a literal. A backslash stays one, so a text that was made presentable twice is the same.

    :param value: text, or what becomes text
    :param limit: characters of the result
    """
    text = value if isinstance(value, str) else str(value)
    # Cut before it is escaped: it may have many megabytes.
    is_cut = len(text) > limit
    text = text[:limit]
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
        )
    return f"{text[: limit - 1]}…" if is_cut or len(text) > limit else text


def quoted(value: object, *, limit: int = SHOWN_LIMIT) -> str:
    """
    Return a value that somebody gave as Python would write it, as a log line or an error may hold it.

    A long or deep one is written in part, so this takes no time or memory to speak of, whatever it is given.

    :param value: of any type
    :param limit: characters of the result
    """
    return shown(_QUOTING.repr(value), limit=limit)


class _Quoting(Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = _MOST_QUOTED
        self.maxstring = self.maxother = self.maxlong = SHOWN_LIMIT

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write thousands of decimal digits.
        bits = x.bit_length()
        return super().repr_int(x, level) if bits <= SHOWN_LIMIT else f"<a number of {bits} bits>"


_QUOTING = _Quoting()


class COSInventoryError(Exception):
    """
    Base of every error that this package raises on purpose.

    Its texts may come from outside, such as a key, an answer of a gateway or a value of a row: each is kept as
    :func:`shown` returns it, so that an error can be logged, and sent through Airflow, whatever is in it.

    :param message: what happened, in one sentence
    :param code: the error code of COS, such as ``NoSuchBucket``
    :param status: the HTTP status of the answer
    :param request_id: ``x-cos-request-id`` of the answer; Tencent's support asks for it
    :param trace_id: ``x-cos-trace-id`` of the answer
    :param bucket: full name of the bucket concerned, ``name-APPID``
    :param key: key of the object concerned
    :param line: line of the data file concerned, from 1
    :param parameter: the parameter or element with the wrong value
    :param hint: what to do about it
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        trace_id: str | None = None,
        bucket: str | None = None,
        key: str | None = None,
        line: int | None = None,
        parameter: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = shown(message, limit=_MESSAGE_LIMIT)
        super().__init__(self.message)
        self.code = _detail(code)
        self.status = status
        self.request_id = _detail(request_id)
        self.trace_id = _detail(trace_id)
        self.bucket = _detail(bucket)
        self.key = _detail(key)
        self.line = line
        self.parameter = _detail(parameter)
        self.hint = None if hint is None else shown(hint, limit=_HINT_LIMIT)

    def __str__(self) -> str:
        """Return the message, the details that are known, and the hint."""
        labels = {
            "parameter": self.parameter,
            "bucket": self.bucket,
            "key": self.key,
            "line": self.line,
            "code": self.code,
            "status": self.status,
            "request id": self.request_id,
            "trace id": self.trace_id,
        }
        known = ", ".join(f"{label}: {shown(value)}" for label, value in labels.items() if value is not None)
        text = f"{self.message} ({known})" if known else self.message
        return f"{text} {self.hint}" if self.hint else text

    def details(self) -> dict[str, Any]:
        """Return the keyword arguments that are set, JSON-able."""
        return {name: value for name in _DETAILS if (value := getattr(self, name)) is not None}

    def as_dict(self) -> dict[str, Any]:
        """Return the error as data for a trigger's event, see :func:`encodable` and :func:`error_from_dict`."""
        data: dict[str, Any] = encodable({"error": type(self).__name__, "message": self.message, **self.details()})
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by message and attributes, notes among them, in every subclass alike."""
        return type(self), (self.message,), self.__dict__


class COSInventoryConfigurationError(COSInventoryError, ValueError):
    """A parameter, connection field or configuration element has a wrong value."""


class COSInventoryRequestError(COSInventoryError):
    """COS refused the request, or answered what cannot be read; sending it again cannot help."""


class COSInventoryPermissionError(COSInventoryRequestError):
    """COS knows the caller too little: credentials, signature, clock or missing permission."""


class COSInventoryNotFoundError(COSInventoryRequestError):
    """The bucket, object or inventory does not exist."""


class COSInventoryDuplicateError(COSInventoryRequestError):
    """The inventory id was used before: today, by an unfinished job, or by a periodic inventory."""


class COSInventoryTransientError(COSInventoryError):
    """The network, COS or a service of Airflow failed for now; the same may succeed later."""


class COSInventoryThrottledError(COSInventoryTransientError):
    """COS asked to slow down (``SlowDown``)."""


class COSInventoryUnansweredError(COSInventoryTransientError):
    """A submission got no answer that tells whether COS accepted it; the same one again, under its id, will tell."""


class COSInventoryCorruptReportError(COSInventoryError):
    """A manifest or data file is not what its checksum, size or schema says."""


class COSInventoryTimeoutError(COSInventoryError):
    """No verified report appeared in time."""


def _detail(value: str | None) -> str | None:
    return None if value is None else shown(value, limit=_DETAIL_LIMIT)


def _family(cls: type[COSInventoryError]) -> dict[str, type[COSInventoryError]]:
    found = {cls.__name__: cls}
    for child in cls.__subclasses__():
        found.update(_family(child))
    return found


def error_from_dict(data: dict[str, Any]) -> COSInventoryError:
    """
    Return the error that :meth:`COSInventoryError.as_dict` wrote.

    An unknown class name (a trigger of a newer release) gives the base class, with the same text.
    """
    details = {name: data[name] for name in _DETAILS if name in data}
    cls = _family(COSInventoryError).get(data.get("error", ""), COSInventoryError)
    return cls(data["message"], **details)


# msgpack carries whole numbers of 64 bits, Airflow's databases those of 63.
_LEAST, _MOST = -(2**63), 2**63 - 1
_LONGEST_TEXT = 4_000
_MOST_ENTRIES = 1_000
_LEVELS = 3
# UTF-8 has no half of a surrogate pair, and PostgreSQL takes no U+0000 in JSON.
_NOT_CARRIED = re.compile("[\0\ud800-\udfff]")


def encodable(value: Any, *, levels: int = _LEVELS) -> Any:
    """
    Return a value that Airflow can carry as JSON and as msgpack, whatever it is given.

    A trigger yields nothing else: what Airflow cannot encode ends the triggerer, with every wait in it. A value that
    can be carried comes back equal.

    :param value: such as the payload of an event; numbers over 63 bits, texts over 4,000 characters and characters
        that are not valid Unicode are replaced by readable text, and other objects by the name of their type
    :param levels: of nested lists and dicts that are kept
    """
    if levels and isinstance(value, Mapping):
        entries = islice(value.items(), _MOST_ENTRIES)
        return {str(_scalar(name)): encodable(entry, levels=levels - 1) for name, entry in entries}
    if levels and isinstance(value, (list, tuple)):
        return [encodable(entry, levels=levels - 1) for entry in value[:_MOST_ENTRIES]]
    return _scalar(value)


def _scalar(value: Any) -> str | int | float | None:
    if isinstance(value, str):
        return _carried(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # Hexadecimal: Python refuses to write thousands of decimal digits.
        return int(value) if _LEAST <= value <= _MOST else _carried(hex(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value if value is None or isinstance(value, bool) else f"<{type(value).__name__}>"


def _carried(text: str) -> str:
    return _NOT_CARRIED.sub(lambda found: f"\\u{ord(found[0]):04x}", text[:_LONGEST_TEXT])
