# SPDX-License-Identifier: Apache-2.0
"""``InventoryConfiguration`` to XML and back (436/30625, 436/46869, 436/30623)."""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.configuration import (
    ENCRYPTION,
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Schedule,
    Tag,
)
from airflow_provider_cosinv.inventory.unix_time import read_unix_seconds
from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml, text_of

_ROOT = "InventoryConfiguration"
_DAY = re.compile(r"[0-9]{1,2}")
# The wire name is SSE-COS; the Python and Java SDKs' examples write SSECOS, and an older LIST page leaves out
# the element around it.
_ENCRYPTION_PATHS = ("Encryption/SSE-COS", "Encryption/SSECOS", "SSE-COS", "SSECOS")
# One page prints this name without its end.
_MISPRINTED_FIELDS = {"IsMultipartUpload": "IsMultipartUploaded"}


def post_body(configuration: InventoryConfiguration) -> bytes:
    """
    Return the body of POST Bucket inventory: neither ``IsEnabled`` nor ``Schedule`` (436/46869).

    :raises COSInventoryConfigurationError: if the configuration cannot be submitted
    """
    return _to_bytes(_common(configuration))


def put_body(configuration: InventoryConfiguration) -> bytes:
    """
    Return the body of PUT Bucket inventory (436/30625).

    :raises COSInventoryConfigurationError: if it has no schedule
    """
    if configuration.schedule is None:
        raise COSInventoryConfigurationError(
            "A periodic inventory needs a schedule.", parameter="frequency", hint="Use Daily, Weekly or Monthly."
        )
    root = _common(configuration)
    SubElement(root, "IsEnabled").text = "true" if configuration.is_enabled else "false"
    schedule = SubElement(root, "Schedule")
    SubElement(schedule, "Frequency").text = configuration.schedule.frequency
    if configuration.schedule.monthly_date is not None:
        SubElement(schedule, "MonthlyDate").text = str(configuration.schedule.monthly_date)
    return _to_bytes(root)


def read_configuration(document: bytes | Element) -> InventoryConfiguration:
    """
    Read an ``InventoryConfiguration``, in any shape that a page or an SDK of COS gives it (436/30623).

    :param document: XML document, or its element
    :raises COSInventoryConfigurationError: if the XML or a value in it is wrong
    """
    try:
        root = parse_xml(document) if isinstance(document, bytes) else document
    except XMLError as error:
        raise COSInventoryConfigurationError(
            f"The inventory configuration cannot be read: {error}.", parameter=_ROOT
        ) from error
    if root.tag != _ROOT:
        raise COSInventoryConfigurationError(f"The element is {shown(root.tag)}, not {_ROOT}.", parameter=_ROOT)
    return InventoryConfiguration(
        inventory_id=_required(root, "Id"),
        destination=_read_destination(root),
        included_object_versions=_required(root, "IncludedObjectVersions"),
        filter=_read_filter(root.find("Filter")),
        optional_fields=tuple(
            _MISPRINTED_FIELDS.get(name, name)
            for element in root.findall("OptionalFields/Field")
            if (name := (element.text or "").strip())
        ),
        schedule=_read_schedule(root),
        is_enabled=_read_enabled(root),
    )


def _to_bytes(root: Element) -> bytes:
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _common(configuration: InventoryConfiguration) -> Element:
    root = Element(_ROOT)
    SubElement(root, "Id").text = configuration.inventory_id
    _write_destination(root, configuration.destination)
    _write_filter(root, configuration.filter)
    SubElement(root, "IncludedObjectVersions").text = configuration.included_object_versions
    if configuration.optional_fields:
        fields = SubElement(root, "OptionalFields")
        for name in configuration.optional_fields:
            SubElement(fields, "Field").text = name
    return root


def _write_destination(root: Element, destination: Destination) -> None:
    if destination.file_format != "CSV":
        raise COSInventoryConfigurationError(
            f"{quoted(destination.file_format)} is not a format that COS writes.",
            parameter="file_format",
            hint="Use CSV.",
        )
    element = SubElement(SubElement(root, "Destination"), "COSBucketDestination")
    SubElement(element, "Format").text = destination.file_format
    if destination.account_id:
        SubElement(element, "AccountId").text = destination.account_id
    SubElement(element, "Bucket").text = f"qcs::cos:{destination.region}::{destination.bucket}"
    if destination.prefix:
        SubElement(element, "Prefix").text = destination.prefix
    if destination.encryption:
        SubElement(SubElement(element, "Encryption"), ENCRYPTION)


def _write_filter(root: Element, conditions: InventoryFilter) -> None:
    if not any(getattr(conditions, name) for name in conditions.__dataclass_fields__):
        return
    element = SubElement(root, "Filter")
    # A bare prefix stands in Filter, as on the PUT page; with tags or classes the container And is needed.
    container = element
    if conditions.tags or conditions.storage_classes:
        container = SubElement(element, "And")
    if conditions.prefix:
        SubElement(container, "Prefix").text = conditions.prefix
    for tag in conditions.tags:
        child = SubElement(container, "Tag")
        SubElement(child, "Key").text = tag.key
        SubElement(child, "Value").text = tag.value
    for storage_class in conditions.storage_classes:
        SubElement(container, "StorageClass").text = storage_class
    if conditions.created_after or conditions.created_before:
        period = SubElement(element, "Period")
        for name, moment in (("StartTime", conditions.created_after), ("EndTime", conditions.created_before)):
            if moment:
                SubElement(period, name).text = str(int(moment.timestamp()))


def _required(root: Element, path: str) -> str:
    text = text_of(root, path)
    if text is None:
        raise COSInventoryConfigurationError(f"The element {path} is missing or empty.", parameter=path)
    return text


def _read_destination(root: Element) -> Destination:
    base = "Destination/COSBucketDestination"
    resource = _required(root, f"{base}/Bucket")
    parts = resource.split(":")
    # qcs::cos:<region>::<bucket>
    if len(parts) != 6 or parts[0] != "qcs" or parts[2] != "cos":  # noqa: PLR2004  six parts, as above
        raise COSInventoryConfigurationError(
            f"{quoted(resource)} is not the name of a destination bucket.",
            parameter="Destination/COSBucketDestination/Bucket",
            hint="It reads qcs::cos:<region>::<bucket-appid>.",
        )
    encrypted = any(root.find(f"{base}/{path}") is not None for path in _ENCRYPTION_PATHS)
    return Destination(
        bucket=parts[5],
        region=parts[3],
        prefix=root.findtext(f"{base}/Prefix") or None,
        account_id=text_of(root, f"{base}/AccountId"),
        encryption=ENCRYPTION if encrypted else None,
        file_format=_required(root, f"{base}/Format"),
    )


def _read_filter(element: Element | None) -> InventoryFilter:
    if element is None:
        return InventoryFilter()
    containers = [element, *element.findall("And")]
    tags = [tag for container in containers for tag in container.findall("Tag")]
    classes = [found for container in containers for found in container.findall("StorageClass")]
    return InventoryFilter(
        # Not stripped: keys and tags may begin or end with a space.
        prefix=element.findtext("And/Prefix") or element.findtext("Prefix") or None,
        tags=tuple(Tag(tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in tags),
        storage_classes=tuple(name for found in classes if (name := (found.text or "").strip())),
        created_after=_read_moment(element, "Period/StartTime"),
        created_before=_read_moment(element, "Period/EndTime"),
    )


def _read_moment(element: Element, path: str) -> datetime | None:
    text = text_of(element, path)
    if text is None:
        return None
    moment = read_unix_seconds(text)
    if moment is None:
        raise COSInventoryConfigurationError(
            f"{quoted(text)} is not a time.",
            parameter=f"Filter/{path}",
            hint="It is the seconds since 1970, ten digits, such as 1767225600.",
        )
    return moment


def _read_enabled(root: Element) -> bool:
    text = text_of(root, "IsEnabled") or "true"
    if text.lower() not in ("true", "false"):
        raise COSInventoryConfigurationError(
            f"{quoted(text)} is neither true nor false.", parameter="IsEnabled", hint="Write true or false."
        )
    return text.lower() == "true"


def _read_schedule(root: Element) -> Schedule | None:
    frequency = text_of(root, "Schedule/Frequency")
    if frequency is None:
        return None
    day = text_of(root, "Schedule/MonthlyDate")
    if day is not None and not _DAY.fullmatch(day):
        raise COSInventoryConfigurationError(
            f"{quoted(day)} is not a day of the month.", parameter="Schedule/MonthlyDate", hint="It is 1 to 31."
        )
    return Schedule(frequency=frequency, monthly_date=int(day) if day else None)
