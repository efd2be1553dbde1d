# SPDX-License-Identifier: Apache-2.0
"""Operator parameters, rendered from templates, become a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.hooks.templates import plain
from airflow_provider_cosinv.inventory.configuration import (
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Schedule,
    Tag,
)
from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS
from airflow_provider_cosinv.inventory.names import BucketName

if TYPE_CHECKING:
    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

#: The template fields that :class:`InventoryParameters` are.
INVENTORY_FIELDS = (
    "bucket",
    "destination_bucket",
    "destination_prefix",
    "prefix",
    "tags",
    "storage_classes",
    "created_after",
    "created_before",
    "included_object_versions",
    "optional_fields",
    "encryption",
    "account_id",
)

# More than thirty years. A deadline beyond year 9999 could not be computed.
_MOST_SECONDS = 10**9

_EXAMPLES = {
    "tags": 'a mapping, such as {"team": "data"}',
    "storage_classes": 'a list, such as ["STANDARD"]',
    "optional_fields": 'a list, such as ["Size"]',
}


class InventoryParameters(Protocol):
    """What the operators that submit and that set up an inventory have in common."""

    bucket: str
    destination_bucket: str | None
    destination_prefix: str | None
    prefix: str | None
    tags: Mapping[str, str] | str | None
    storage_classes: Sequence[str] | str | None
    created_after: datetime | str | None
    created_before: datetime | str | None
    included_object_versions: str
    optional_fields: Sequence[str] | str | None
    encryption: str | None
    account_id: str | None

    @property
    def hook(self) -> COSInventoryHook:
        """The hook, in the region of the buckets."""


def build_configuration(
    asked: InventoryParameters, *, inventory_id: str, schedule: Schedule | None = None, is_enabled: bool = True
) -> InventoryConfiguration:
    """
    Return the configuration that an operator's parameters ask for; empty values ask for nothing.

    :raises COSInventoryConfigurationError: where a value is wrong; ``parameter`` names it
    """
    BucketName.parse(asked.bucket)
    fields = _decoded(asked.optional_fields, "optional_fields")
    return InventoryConfiguration(
        inventory_id=inventory_id,
        destination=Destination(
            bucket=asked.destination_bucket or asked.bucket,
            region=asked.hook.settings.region,
            prefix=_clean_prefix(asked.destination_prefix),
            account_id=asked.account_id or None,
            encryption=asked.encryption or None,
        ),
        included_object_versions=asked.included_object_versions,
        filter=_build_filter(asked),
        optional_fields=STANDARD_FIELDS if fields is None else _sequence(fields, "optional_fields"),
        schedule=schedule,
        is_enabled=is_enabled,
        source_region=asked.hook.settings.region,
    )


def _build_filter(asked: InventoryParameters) -> InventoryFilter:
    tags = _decoded(asked.tags, "tags") or {}
    # A float, or a bool, is not the text that somebody wrote: 1.10 is 1.1.
    if not isinstance(tags, Mapping) or not all(type(value) in (str, int) for value in tags.values()):
        raise COSInventoryConfigurationError(
            f"{quoted(tags)} is not a mapping to strings.", parameter="tags", hint='Write {"key": "value"}.'
        )
    return InventoryFilter(
        prefix=asked.prefix or None,
        tags=tuple(Tag(str(key), str(value)) for key, value in tags.items()),
        storage_classes=_sequence(asked.storage_classes, "storage_classes"),
        created_after=_parse_moment(asked.created_after, "created_after"),
        created_before=_parse_moment(asked.created_before, "created_before"),
    )


def seconds(value: Any, parameter: str) -> float:
    """
    Return a time to wait in seconds.

    :param value: seconds or a timedelta
    :raises COSInventoryConfigurationError: where it is neither, not above zero, or longer than any wait
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _MOST_SECONDS:
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a valid duration.",
            parameter=parameter,
            hint="Give seconds above zero, or a timedelta.",
        )
    return float(value)


def _sequence(value: Sequence[str] | str | None, parameter: str) -> tuple[str, ...]:
    found = _decoded(value, parameter) or ()
    if not isinstance(found, (list, tuple)):
        raise COSInventoryConfigurationError(
            f"{quoted(found)} is not a list.", parameter=parameter, hint=f"Give {_EXAMPLES[parameter]}."
        )
    return tuple(found)


def _decoded(value: Any, parameter: str) -> Any:
    """Return what a template wrote as JSON, nothing for empty text, and anything else as it is."""
    if not isinstance(value, str):
        return plain(value)
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is text, but not JSON.",
            parameter=parameter,
            hint=f"Give {_EXAMPLES[parameter]}, or {{{{ params.{parameter} | tojson }}}} in a template.",
        ) from None


def _parse_moment(value: datetime | str | None, parameter: str) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except (AttributeError, TypeError, ValueError):
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a valid time.",
            parameter=parameter,
            hint="Write ISO 8601, such as 2026-01-31T00:00:00Z.",
        ) from None


def _clean_prefix(destination_prefix: str | None) -> str | None:
    # COS appends a slash (436/46869); what it makes of one that is there already is not documented.
    if not isinstance(destination_prefix, str):
        return destination_prefix
    return destination_prefix.strip("/") or None
