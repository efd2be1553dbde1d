# SPDX-License-Identifier: Apache-2.0
"""What an inventory shall contain and where it goes: the element ``InventoryConfiguration`` (436/30625, 436/46869)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS, check_optional_fields
from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id, check_region
from airflow_provider_cosinv.inventory.unix_time import FIRST, LAST

INCLUDED_OBJECT_VERSIONS = ("Current", "All")
FREQUENCIES = ("Daily", "Weekly", "Monthly")
ENCRYPTION = "SSE-COS"
_LAST_DAY = 31
_NUMBER = re.compile(r"[0-9]+")
# What XML 1.0 cannot carry, and the carriage return, which it turns into a line feed.
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refuse(parameter: str, message: str, hint: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(message, parameter=parameter, hint=hint)


def _check_text(value: object, parameter: str) -> None:
    if not isinstance(value, str):
        raise _refuse(parameter, f"{quoted(value)} is not a string.", "Give text.")
    if found := _NOT_IN_XML.search(value):
        raise _refuse(
            parameter,
            f"{quoted(value)} has the character {quoted(found[0])}, which XML cannot carry.",
            "Use a value without it.",
        )


def _is_number(value: object) -> bool:
    # Not str.isdigit, which takes the digits of every script.
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


@dataclass(frozen=True)
class Tag:
    """One object tag that a filter asks for."""

    key: str
    value: str


def _check_tag(tag: object) -> None:
    if not isinstance(tag, Tag):
        raise _refuse("tags", f"{quoted(tag)} is not a tag.", 'Give tags, such as Tag("age", "18").')
    _check_text(tag.key, "tags")
    _check_text(tag.value, "tags")
    if not tag.key:
        raise _refuse("tags", "A tag has an empty key.", "Name each tag's key.")


@dataclass(frozen=True, kw_only=True)
class InventoryFilter:
    """
    Which objects are listed; every condition must hold.

    :param prefix: keys that begin with it
    :param tags: objects that carry all of these tags; needs the optional field ``Tag``
    :param storage_classes: objects of one of these classes, such as ``STANDARD`` (in the Go SDK, on no page)
    :param created_after: aware; the API page says created, the console says modified
    :param created_before: aware
    """

    prefix: str | None = None
    tags: tuple[Tag, ...] = ()
    storage_classes: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without COS."""
        for name, moment in (("created_after", self.created_after), ("created_before", self.created_before)):
            if moment is not None and (not isinstance(moment, datetime) or moment.utcoffset() is None):
                raise _refuse(
                    name,
                    f"{quoted(moment)} is not a time with a zone.",
                    "Give an aware time, such as 2026-01-31T00:00:00Z.",
                )
            if moment is not None and not FIRST <= moment < LAST + timedelta(seconds=1):
                raise _refuse(
                    name,
                    f"{name} must be between {FIRST:%Y-%m-%d} and {LAST:%Y-%m-%d}, not {moment}.",
                    "COS has no objects of other times: leave it out to list all.",
                )
        if self.created_after and self.created_before and self.created_after > self.created_before:
            raise _refuse(
                "created_after",
                f"created_after {self.created_after} is later than created_before {self.created_before}.",
                "Swap them.",
            )
        if self.prefix is not None:
            _check_text(self.prefix, "prefix")
        for tag in self.tags:
            _check_tag(tag)
        if isinstance(self.storage_classes, str):
            raise _refuse(
                "storage_classes", f"{quoted(self.storage_classes)} is not a list.", 'Give ("STANDARD",), for one.'
            )
        for storage_class in self.storage_classes:
            _check_text(storage_class, "storage_classes")
            if not storage_class or storage_class != storage_class.strip():
                raise _refuse(
                    "storage_classes", f"{quoted(storage_class)} is not a storage class.", "Name it, such as STANDARD."
                )


@dataclass(frozen=True, kw_only=True)
class Destination:
    """
    Where COS writes the report.

    :param bucket: full name; the same region as the source bucket
    :param region: the bucket's region
    :param prefix: COS appends a slash to it
    :param account_id: UIN of the bucket's owner, such as ``100000000001``
    :param encryption: None or ``SSE-COS``
    :param file_format: ``CSV``; other values appear in rules made elsewhere and cannot be submitted
    """

    bucket: str
    region: str
    prefix: str | None = None
    account_id: str | None = None
    encryption: str | None = None
    file_format: str = "CSV"

    def __post_init__(self) -> None:
        """Check what can be checked without COS."""
        BucketName.parse(self.bucket, parameter="destination_bucket")
        check_region(self.region, parameter="destination region")
        if self.prefix is not None:
            _check_text(self.prefix, "destination_prefix")
        if self.encryption not in (None, ENCRYPTION):
            raise _refuse(
                "encryption", f"{quoted(self.encryption)} is not an encryption.", f"Use None or {ENCRYPTION}."
            )
        if self.account_id is not None and not _is_number(self.account_id):
            raise _refuse(
                "account_id",
                f"{quoted(self.account_id)} is not an account.",
                'Give the UIN of the destination bucket\'s owner as text, such as "100000000001", or leave it out.',
            )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """
    When a periodic inventory is taken.

    :param frequency: ``Daily``, ``Weekly`` or ``Monthly``
    :param monthly_date: day of the month, 1 to 31; with ``Monthly`` only
    """

    frequency: str
    monthly_date: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without COS."""
        if self.frequency not in FREQUENCIES:
            raise _refuse(
                "frequency", f"{quoted(self.frequency)} is not a frequency.", f"Use {', '.join(FREQUENCIES)}."
            )
        if self.monthly_date is not None and self.frequency != "Monthly":
            raise _refuse("monthly_date", f"A {self.frequency} inventory has no day of the month.", "Leave it out.")
        # A bool is an int, too, and would be written as a word.
        if self.monthly_date is not None and (
            type(self.monthly_date) is not int or not 1 <= self.monthly_date <= _LAST_DAY
        ):
            raise _refuse("monthly_date", f"{quoted(self.monthly_date)} is not a day of a month.", "Use 1 to 31.")


@dataclass(frozen=True, kw_only=True)
class InventoryConfiguration:
    """
    One inventory: what it contains and where it goes.

    :param inventory_id: letters, digits, ``-``, ``_``, ``.``; at most 64
    :param destination: where the report goes
    :param included_object_versions: ``Current`` or ``All``
    :param filter: which objects are listed
    :param optional_fields: the columns beside Appid, Bucket and Key; every standard one by default
    :param schedule: for a periodic inventory (PUT); a one-time inventory (POST) has none
    :param is_enabled: for a periodic inventory; a one-time inventory has no such element
    :param source_region: the source bucket's region, where it is known; not an element, but COS writes a report only
        to a bucket of the same region (436/30622)
    :raises COSInventoryConfigurationError: where a value is wrong; ``parameter`` names it
    """

    inventory_id: str
    destination: Destination
    included_object_versions: str = "Current"
    filter: InventoryFilter = field(default_factory=InventoryFilter)
    optional_fields: tuple[str, ...] = STANDARD_FIELDS
    schedule: Schedule | None = None
    is_enabled: bool = True
    source_region: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check what can be checked without COS."""
        if self.source_region is not None and self.destination.region != self.source_region:
            raise _refuse(
                "destination_bucket",
                f"The destination {self.destination.bucket} is in {self.destination.region}, the source bucket in "
                f"{self.source_region}.",
                "COS writes a report only to a bucket of the same region.",
            )
        check_inventory_id(self.inventory_id)
        if self.included_object_versions not in INCLUDED_OBJECT_VERSIONS:
            raise _refuse(
                "included_object_versions",
                f"{quoted(self.included_object_versions)} is not a choice of versions.",
                f"Use {' or '.join(INCLUDED_OBJECT_VERSIONS)}.",
            )
        check_optional_fields(self.optional_fields)
        if self.filter.tags and "Tag" not in self.optional_fields:
            raise _refuse(
                "optional_fields",
                "The filter asks for tags, but the field Tag is not among the optional fields.",
                'COS needs both (436/30625): add "Tag" to optional_fields.',
            )
