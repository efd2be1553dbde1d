# SPDX-License-Identifier: Apache-2.0
"""One object, and catalogues: many objects that need no memory each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from airflow_provider_cosinv.emulator.storage.bodies import EMPTY, Body

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ObjectVersion(NamedTuple):
    """One version of an object, or a delete marker."""

    key: str
    size: int
    """bytes"""
    last_modified: float
    """Unix seconds"""
    etag: str
    """without quotes"""
    body: Body = EMPTY
    version_id: str = ""
    """empty where the bucket had no versioning at the time"""
    storage_class: str = "STANDARD"
    tags: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = _NO_HEADERS
    """names in lower case: content-type and the like, and x-cos-meta-*"""
    crc64: int | None = None
    is_delete_marker: bool = False
    is_multipart_uploaded: bool = False
    replication_status: str = ""


class Catalogue(Protocol):
    """Objects that are made up when asked for, in the order of their keys."""

    def __len__(self) -> int:
        """Return the number of objects."""
        ...

    def key(self, index: int) -> str:
        """Return the key of an object."""
        ...

    def entry(self, index: int) -> ObjectVersion:
        """Return an object."""
        ...

    def total_size(self) -> int:
        """Return the bytes of all objects."""
        ...


def index_from(catalogue: Catalogue, key: str) -> int:
    """Return the index of the first object whose key is not before ``key``."""
    low, high = 0, len(catalogue)
    while low < high:
        middle = (low + high) // 2
        if catalogue.key(middle) < key:
            low = middle + 1
        else:
            high = middle
    return low
