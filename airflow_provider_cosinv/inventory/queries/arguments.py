# SPDX-License-Identifier: Apache-2.0
"""What the ready-made queries take: each value is checked before it becomes a part of SQL."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

from airflow_provider_cosinv.exceptions import quoted

#: The default of an argument that must be given.
REQUIRED = object()

#: Folders of a prefix, at most; a regular expression of DuckDB does not repeat without end.
MOST_DEPTH = 100
_MOST = 2**63 - 1
_MOST_DAYS = 365 * 1000
_FIRST_YEAR = 1970
# A template renders every number as text. No value that is allowed has more digits.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9]{1,300}(?:\.[0-9]{1,300})?")


@dataclass(frozen=True)
class Argument:
    """
    An argument of a ready-made query.

    :param meaning: with its unit
    :param read: checks a value and returns it as the query wants it; raises a ValueError that says what is wrong
    :param default: as a user would give it; :data:`REQUIRED` where there is none
    """

    meaning: str
    read: Callable[[Any], Any]
    default: Any = None

    def __str__(self) -> str:
        """Return the meaning and the default."""
        return f"{self.meaning}; {'required' if self.default is REQUIRED else f'default {self.default!r}'}"


def whole_number(*, at_least: int, at_most: int = _MOST) -> Callable[[Any], int]:
    """Return a check for a whole number, or the decimal digits of one."""

    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not at_least <= number <= at_most:
            most = "" if at_most == _MOST else f" and at most {at_most}"
            raise ValueError(f"is {quoted(value)}, not a whole number of at least {at_least}{most}")
        return number

    return read


def read_limit(value: Any) -> int | None:
    """Check a number of rows; None is all of them."""
    return None if value is None else whole_number(at_least=1)(value)


def read_switch(value: Any) -> bool:
    """Check a true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"is {quoted(value)}, neither true nor false")  # noqa: TRY004  as of every wrong argument
    return value


def read_moment(value: Any) -> datetime:
    """Check a time with a zone, and return it in UTC; None is now."""
    if value is None:
        return datetime.now(timezone.utc)
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00")) if isinstance(value, str) else value
        is_usable = isinstance(moment, datetime) and moment.utcoffset() is not None and moment.year >= _FIRST_YEAR
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(
            f"is {quoted(value)}, not a time since {_FIRST_YEAR} with a zone, such as 2026-01-31T00:00:00Z"
        )
    return moment.astimezone(timezone.utc)


def read_edges(value: Any) -> tuple[int, ...]:
    """Check the days at which one bucket of age ends and the next begins."""
    wanted = f"is {quoted(value)}, not a list of growing whole numbers of days from 1 to {_MOST_DAYS}"
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(wanted)
    number = whole_number(at_least=1, at_most=_MOST_DAYS)
    try:
        edges = tuple(number(edge) for edge in value)
    except ValueError:
        raise ValueError(wanted) from None
    if any(later <= earlier for earlier, later in pairwise(edges)):
        raise ValueError(wanted)
    return edges


def read_prices(value: Any) -> dict[str, float]:
    """Check a price for each class, and return it by the class in upper case."""
    return _by_class(value, _read_price, what="price", example='{"STANDARD": 0.024}')


def read_minimum(value: Any) -> dict[str, int]:
    """Check a number of bytes for each class, and return it by the class in upper case."""
    return _by_class(
        value, whole_number(at_least=0), what="minimum", example='{"STANDARD_IA": 65536}', may_be_empty=True
    )


def plain_class(name: str) -> str:
    """Return a storage class without case and underscores: COS writes ``STANDARD`` and ``Standard``."""
    return name.upper().replace("_", "")


def _by_class(
    value: Any, read: Callable[[Any], Any], *, what: str, example: str, may_be_empty: bool = False
) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not (value or may_be_empty):
        raise ValueError(f"is {quoted(value)}, not a {what} for each storage class, such as {example}")
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for name, entry in value.items():
        if not isinstance(name, str) or not plain_class(name):
            raise ValueError(f"has {quoted(name)}, which is not a storage class")
        if plain_class(name) in seen:
            raise ValueError(f"has the class {quoted(name)} twice")
        seen.add(plain_class(name))
        try:
            found[name.upper()] = read(entry)
        except ValueError as error:
            raise ValueError(f"of {quoted(name)} {error}") from None
    return found


def _read_price(value: Any) -> float:
    # float() would take more texts than those of a number, and a yes is not a price.
    is_number = _NUMBER.fullmatch(value) if isinstance(value, str) else isinstance(value, (int, float, Decimal))
    if isinstance(value, bool) or not is_number:
        raise ValueError(f"is {quoted(value)}, not a number")
    try:
        price = float(value)
    except OverflowError:
        price = math.inf
    if not math.isfinite(price) or price < 0:
        raise ValueError(f"is {quoted(value)}, not a price")
    return price
