# SPDX-License-Identifier: Apache-2.0
"""The emulator's clock, which a test can move."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone, tzinfo
from email.utils import formatdate
from zoneinfo import ZoneInfo


class Clock:
    """
    The time that the emulator believes in.

    :param offset: seconds ahead of this machine's clock; negative is behind
    """

    def __init__(self, *, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Return the time as Unix seconds."""
        return time.time() + self.offset


def http_date(moment: float) -> str:
    """Return Unix seconds as an HTTP date."""
    return formatdate(moment, usegmt=True)


def iso_date(moment: float, *, milliseconds: bool = False) -> str:
    """Return Unix seconds as ``2022-11-20T08:00:00Z``, or with ``.000`` as COS lists objects."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{text}.000Z" if milliseconds else f"{text}Z"


def parse_timezone(name: str) -> tzinfo:
    """
    Return a time zone.

    :param name: an IANA name such as ``Asia/Shanghai``, ``UTC``, or an offset such as ``+08:00``
    :raises ValueError: where it is neither
    """
    if name[:1] in ("+", "-"):
        try:
            offset = datetime.strptime(name, "%z").utcoffset()
        except ValueError:
            raise ValueError(f"{name!r} is not an offset; write it like +08:00.") from None
        return timezone(offset if offset is not None else timedelta())
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        raise ValueError(f"{name!r} is not a time zone; write Asia/Shanghai, UTC or +08:00.") from None
