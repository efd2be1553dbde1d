# SPDX-License-Identifier: Apache-2.0
"""Which objects an inventory lists: every condition of its filter (436/30625)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration, InventoryFilter


def included(
    configuration: InventoryConfiguration, versions: list[ObjectVersion]
) -> Iterator[tuple[ObjectVersion, bool]]:
    """Yield the versions of a key that the inventory looks at, each with whether it is the latest."""
    if configuration.included_object_versions == "All":
        for number, version in enumerate(versions):
            yield version, number == 0
    elif not versions[0].is_delete_marker:
        yield versions[0], True


def matcher(conditions: InventoryFilter) -> Callable[[ObjectVersion], bool]:
    """
    Return a predicate for a filter.

    The period is compared with the last modification: one page says created, another modified.
    """
    prefix = conditions.prefix or ""
    tags = {(tag.key, tag.value) for tag in conditions.tags}
    classes = {name.upper() for name in conditions.storage_classes}
    after = conditions.created_after.timestamp() if conditions.created_after else float("-inf")
    before = conditions.created_before.timestamp() if conditions.created_before else float("inf")

    def matches(version: ObjectVersion) -> bool:
        return (
            version.key.startswith(prefix)
            and after <= version.last_modified <= before
            and (not classes or version.storage_class.upper() in classes)
            and tags.issubset(version.tags)
        )

    return matches
