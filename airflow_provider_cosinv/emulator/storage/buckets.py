# SPDX-License-Identifier: Apache-2.0
"""
A bucket: the objects that were put, over the objects of a catalogue.

Keys are ordered by code point, which is the order of their UTF-8 bytes and so the order in which COS lists.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, insort
from collections.abc import Iterator
from threading import RLock

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.storage.objects import Catalogue, ObjectVersion, index_from

_SCAN_STEP = 500


class Bucket:
    """
    One bucket; safe to use from several threads.

    :param name: full name, ``name-APPID``
    :param region: such as ``ap-guangzhou``
    :param owner: UIN of the owner
    :param created: Unix seconds
    :param versioning: whether every PUT and DELETE keeps what was there
    :param accepts_reports: whether COS may write reports into the bucket, as its owner decides by role or policy
    :param catalogue: objects that the bucket has from the start
    """

    def __init__(
        self,
        *,
        name: str,
        region: str,
        owner: str,
        created: float,
        versioning: bool = False,
        accepts_reports: bool = True,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.name = name
        self.region = region
        self.owner = owner
        self.created = created
        self.versioning = versioning
        self.versioning_seen = versioning
        self.accepts_reports = accepts_reports
        self._catalogue = catalogue
        self._lock = RLock()
        # Versions of a key, newest first. A key that is here hides the catalogue's object.
        self._versions: dict[str, list[ObjectVersion]] = {}
        self._keys: list[str] = []

    def set_versioning(self, *, enabled: bool) -> None:
        """Switch versioning on, or suspend it."""
        self.versioning = enabled
        self.versioning_seen = self.versioning_seen or enabled

    def put(self, version: ObjectVersion) -> ObjectVersion:
        """Put an object; return it with its version id."""
        with self._lock:
            if self.versioning:
                stored = version._replace(version_id=_new_version_id())
                self._own(version.key).insert(0, stored)
            else:
                stored = version._replace(version_id="")
                kept = [other for other in self._own(version.key) if other.version_id]
                self._set(version.key, [stored, *kept])
            return stored

    def delete(self, key: str, *, version_id: str | None, now: float) -> ObjectVersion | None:
        """
        Delete an object, or one version of it.

        :return: the delete marker or the version that was deleted; None where nothing was there
        """
        with self._lock:
            if version_id is not None:
                found = self._find(key, version_id)
                if found is not None:
                    self._set(key, [other for other in self._own(key) if other is not found])
                return found
            if not self.versioning_seen:
                versions = self.versions(key)
                self._set(key, [])
                return versions[0] if versions else None
            marker = ObjectVersion(key, 0, now, etag="", storage_class="", is_delete_marker=True)
            return self.put(marker)

    def get(self, key: str, *, version_id: str | None = None) -> ObjectVersion:
        """
        Return an object.

        :param version_id: of one version; None is the latest
        :raises COSError: ``NoSuchKey`` or ``NoSuchVersion``
        """
        with self._lock:
            if version_id is not None:
                found = self._find(key, version_id)
                if found is None:
                    raise COSError("NoSuchVersion")
                if found.is_delete_marker:
                    raise COSError("MethodNotAllowed", headers={"x-cos-delete-marker": "true"})
                return found
            versions = self.versions(key)
            if not versions:
                raise COSError("NoSuchKey")
            if versions[0].is_delete_marker:
                raise COSError("NoSuchKey", headers={"x-cos-delete-marker": "true"})
            return versions[0]

    def replace(self, old: ObjectVersion, new: ObjectVersion) -> None:
        """Change what is known about a version, such as its tags."""
        with self._lock:
            self._set(old.key, [new if other is old else other for other in self._own(old.key)])

    def versions(self, key: str) -> list[ObjectVersion]:
        """Return the versions of a key, newest first."""
        with self._lock:
            if key in self._versions:
                return list(self._versions[key])
            original = self._original(key)
            return [] if original is None else [original]

    def page(self, start: str, limit: int) -> list[list[ObjectVersion]]:
        """
        Return the versions of up to ``limit`` keys, in the order of the keys.

        :param start: the first key that may be returned
        """
        with self._lock:
            own = bisect_left(self._keys, start)
            size = len(self._catalogue) if self._catalogue is not None else 0
            index = index_from(self._catalogue, start) if self._catalogue is not None else 0
            found: list[list[ObjectVersion]] = []
            while len(found) < limit:
                own_key = self._keys[own] if own < len(self._keys) else None
                entry = self._catalogue.entry(index) if self._catalogue is not None and index < size else None
                if entry is not None and (own_key is None or entry.key < own_key):
                    found.append([entry])
                    index += 1
                elif own_key is not None:
                    if entry is not None and entry.key == own_key:
                        index += 1
                    own += 1
                    if self._versions[own_key]:
                        found.append(list(self._versions[own_key]))
                else:
                    break
            return found

    def scan(self) -> Iterator[list[ObjectVersion]]:
        """Yield the versions of every key; what changes meanwhile may or may not be seen, as in COS."""
        start = ""
        while step := self.page(start, _SCAN_STEP):
            yield from step
            start = after(step[-1][0].key)

    def totals(self) -> tuple[int, int]:
        """Return the number and the bytes of the objects, latest versions only."""
        with self._lock:
            count = len(self._catalogue) if self._catalogue is not None else 0
            size = self._catalogue.total_size() if self._catalogue is not None else 0
            for key, versions in self._versions.items():
                original = self._original(key)
                if original is not None:
                    count -= 1
                    size -= original.size
                if versions and not versions[0].is_delete_marker:
                    count += 1
                    size += versions[0].size
            return count, size

    def is_empty(self) -> bool:
        """Return whether nothing is in the bucket, old versions and delete markers included."""
        return not self.page("", 1)

    def _find(self, key: str, version_id: str) -> ObjectVersion | None:
        wanted = "" if version_id == "null" else version_id
        return next((one for one in self.versions(key) if one.version_id == wanted), None)

    def _original(self, key: str) -> ObjectVersion | None:
        if self._catalogue is None:
            return None
        index = index_from(self._catalogue, key)
        if index < len(self._catalogue) and self._catalogue.key(index) == key:
            return self._catalogue.entry(index)
        return None

    def _own(self, key: str) -> list[ObjectVersion]:
        if key not in self._versions:
            original = self._original(key)
            self._versions[key] = [] if original is None else [original]
            insort(self._keys, key)
        return self._versions[key]

    def _set(self, key: str, versions: list[ObjectVersion]) -> None:
        if key not in self._versions:
            insort(self._keys, key)
        self._versions[key] = versions
        if not versions and self._original(key) is None:
            del self._versions[key]
            del self._keys[bisect_left(self._keys, key)]


def after(key: str) -> str:
    """Return the first key that could come after ``key``."""
    return key + "\0"


def _new_version_id() -> str:
    # COS's own look like MTg0NDUxNTc1NjIzMTQ1MDAwODg: base64 without padding.
    return secrets.token_urlsafe(20)
