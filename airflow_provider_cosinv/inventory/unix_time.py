# SPDX-License-Identifier: Apache-2.0
"""Unix seconds as text: ten digits, so that a date such as 20260101 is not read as a day of 1970."""

from __future__ import annotations

import re
from datetime import datetime, timezone

# With fewer digits it is a time before September 2001, when COS kept nothing; with more, one after 2286.
_TEN_DIGITS = re.compile(r"[1-9][0-9]{9}")
#: The times that ten digits can say.
FIRST = datetime.fromtimestamp(10**9, timezone.utc)
LAST = datetime.fromtimestamp(10**10 - 1, timezone.utc)


def read_unix_seconds(text: str) -> datetime | None:
    """Return the time that a text of Unix seconds says, in UTC; None if it is not ten digits."""
    return datetime.fromtimestamp(int(text), timezone.utc) if _TEN_DIGITS.fullmatch(text) else None
