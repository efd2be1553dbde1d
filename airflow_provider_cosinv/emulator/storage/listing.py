# SPDX-License-Identifier: Apache-2.0
"""A page of the keys of a bucket, with common prefixes in the place of what is below a delimiter."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_cosinv.emulator.storage.buckets import Bucket, after
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion

_STEP = 100
_LAST_CODE_POINT = 0x10FFFF


@dataclass
class Page:
    """
    A page of a LIST.

    :param items: in the order of keys: an object, or a common prefix
    :param last: the last key or common prefix of the page
    """

    items: list[ObjectVersion | str] = field(default_factory=list)
    last: str = ""
    truncated: bool = False

    @property
    def objects(self) -> list[ObjectVersion]:
        """The objects of the page."""
        return [item for item in self.items if not isinstance(item, str)]

    @property
    def prefixes(self) -> list[str]:
        """The common prefixes of the page."""
        return [item for item in self.items if isinstance(item, str)]


def list_page(bucket: Bucket, *, prefix: str, delimiter: str, marker: str, max_keys: int) -> Page:
    """
    Return a page of latest versions.

    :param marker: keys after it are listed; a common prefix that is the marker is done with
    :param max_keys: objects and common prefixes together
    """
    page = Page()
    start = max(prefix, after(marker)) if marker else prefix
    if marker and marker.startswith(prefix) and _common_prefix(marker, prefix, delimiter) == marker:
        start = max(start, beyond(marker))
    while max_keys:
        step = _STEP if delimiter else max_keys + 1
        found = bucket.page(start, step)
        for versions in found:
            key = versions[0].key
            if not key.startswith(prefix):
                return page
            start = after(key)
            if versions[0].is_delete_marker:
                continue
            if len(page.items) == max_keys:
                page.truncated = True
                return page
            common = _common_prefix(key, prefix, delimiter)
            if common:
                page.items.append(common)
                page.last = common
                start = beyond(common)
                break
            page.items.append(versions[0])
            page.last = key
        else:
            if len(found) < step:
                return page
    return page


def _common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix that stands for a key; nothing where the key stands for itself."""
    cut = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: cut + len(delimiter)] if cut >= 0 else ""


def beyond(prefix: str) -> str:
    """Return the first key that could come after all keys that begin with ``prefix``."""
    code = ord(prefix[-1])
    if code == _LAST_CODE_POINT:
        return beyond(prefix[:-1]) if prefix[:-1] else prefix
    return prefix[:-1] + chr(code + 1)
