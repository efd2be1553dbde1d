# SPDX-License-Identifier: Apache-2.0
"""The values of a connection's extra: text from a URI, typed from JSON and the form. Empty means not given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_cosinv.cos.network.proxies import PROXIES_HINT
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def json_object(value: Any, field: str, *, hint: str | None = None) -> Mapping[str, Any]:
    """
    Return a JSON object, written as text or not.

    :param hint: what to write, for the error
    :raises COSInventoryConfigurationError: where it is something else
    """
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise COSInventoryConfigurationError(f"{field} is not a JSON object.", parameter=field, hint=hint)
    return found


def proxies(extra: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Return the proxies by scheme, None where they are not given.

    :raises COSInventoryConfigurationError: where they are something else
    """
    value = extra.get("proxies")
    return None if value in (None, "") else json_object(value, "proxies", hint=PROXIES_HINT)


def text(extra: Mapping[str, Any], field: str) -> str | None:
    """
    Return a text, None where it is not given.

    :raises COSInventoryConfigurationError: where it is of another type
    """
    value = extra.get(field)
    if value is not None and not isinstance(value, str):
        raise COSInventoryConfigurationError(
            f"{field} is not a string.", parameter=field, hint="Write it between quotation marks."
        )
    return value or None


def boolean(extra: Mapping[str, Any], field: str, *, default: bool) -> bool:
    """
    Return a choice.

    :raises COSInventoryConfigurationError: where it is none
    """
    value = extra.get(field)
    if value is None or value == "":
        return default
    found = value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a choice.", parameter=field, hint="Use true or false."
        )
    return found


def seconds(extra: Mapping[str, Any], field: str, *, default: float) -> float:
    """
    Return a time-out.

    :raises COSInventoryConfigurationError: where it is not a number
    """
    value = extra.get(field)
    if value is None or value == "":
        return default
    try:
        # float() would take true for a second.
        return float("" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a time-out.", parameter=field, hint="Give seconds, more than 0."
        ) from None


def whole_seconds(extra: Mapping[str, Any], field: str, *, default: int) -> int:
    """
    Return a duration.

    :raises COSInventoryConfigurationError: where it is no whole number
    """
    value = extra.get(field)
    if value is None or value == "":
        return default
    try:
        return int(value if isinstance(value, int) and not isinstance(value, bool) else str(value))
    except ValueError:
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a duration.", parameter=field, hint="Give a whole number of seconds."
        ) from None


def choice_or_path(extra: Mapping[str, Any], field: str, *, default: bool) -> bool | str:
    """
    Return a choice, or the path that stands in its place.

    :raises COSInventoryConfigurationError: where it is neither
    """
    value = extra.get(field)
    if isinstance(value, str) and value.strip() and value.strip().lower() not in _BOOLEANS:
        return value.strip()
    return boolean(extra, field, default=default)
