# SPDX-License-Identifier: Apache-2.0
"""Values of a small result, as JSON and Airflow take them."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

from airflow_provider_cosinv.inventory.queries.sql_text import identifier

# DuckDB's types that JSON has, too, and those that are made JSON; all else becomes text.
_NATIVE = re.compile(r"BOOLEAN|U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|VARCHAR")
_NESTED = re.compile(r"(?:MAP|STRUCT|UNION)\(.*|.*\]|JSON")
_ISO = "%Y-%m-%dT%H:%M:%S.%f+00:00"
# Airflow takes no other whole number from a task.
_LEAST, _MOST = -(2**63), 2**64 - 1
_MOST_DIGITS = 20
# Brackets within each other: what reads a result calls itself for each.
_MOST_DEPTH = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def reading(name: str, kind: str) -> str:
    """
    Return SQL that reads a column for :func:`jsonable`.

    :param name: of the column
    :param kind: its type, as DuckDB writes it
    """
    column = identifier(name)
    if _NATIVE.fullmatch(kind):
        return column
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column}, '{_ISO}')"
    if _NESTED.fullmatch(kind):
        return f"to_json({column})::VARCHAR"
    return f"{column}::VARCHAR"


def jsonable(value: Any, kind: str) -> Any:
    """
    Return a value of a result as JSON has it.

    :param value: as it was read, see :func:`reading`
    :param kind: type of the column
    """
    if value is None:
        return None
    if _NESTED.fullmatch(kind):
        if _is_deep(value):
            return value
        return json.loads(value, parse_constant=str, parse_int=_whole_of, parse_float=_exactly)
    if kind.startswith("DECIMAL"):
        return _exactly(value)
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return whole(value) if type(value) is int else value


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _MOST_DEPTH:
        return False
    depth = 0
    for bracket in re.findall(r"[\[{\]}]", _STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _MOST_DEPTH:
            return True
    return False


def _whole_of(digits: str) -> int | str:
    # Python refuses to read thousands of digits.
    return digits if len(digits) > _MOST_DIGITS else whole(int(digits))


def whole(number: int) -> int | str:
    """Return a whole number as Airflow takes it: text if it has more than 64 bits."""
    return number if _LEAST <= number <= _MOST else str(number)


def _exactly(digits: str) -> float | str:
    number = float(digits)
    return number if Decimal(repr(number)) == Decimal(digits) else digits
