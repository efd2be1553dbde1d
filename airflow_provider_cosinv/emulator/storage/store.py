# SPDX-License-Identifier: Apache-2.0
"""All buckets of the emulator."""

from __future__ import annotations

from threading import Lock

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.storage.buckets import Bucket
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.names import BucketName


class Store:
    """The buckets by name; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[str, Bucket] = {}

    def add(self, bucket: Bucket) -> None:
        """
        Add a bucket.

        :raises COSError: ``InvalidBucketName`` or ``BucketAlreadyOwnedByYou``
        """
        try:
            BucketName.parse(bucket.name)
        except COSInventoryConfigurationError as error:
            raise COSError("InvalidBucketName", str(error)) from error
        with self._lock:
            if bucket.name in self._buckets:
                raise COSError("BucketAlreadyOwnedByYou")
            self._buckets[bucket.name] = bucket

    def remove(self, bucket: Bucket) -> None:
        """
        Remove a bucket.

        :raises COSError: ``BucketNotEmpty``
        """
        with self._lock:
            if not bucket.is_empty():
                raise COSError("BucketNotEmpty")
            self._buckets.pop(bucket.name, None)

    def find(self, name: str, *, region: str | None = None) -> Bucket:
        """
        Return a bucket.

        :param region: that of the host it is asked for at; a bucket is not found in another one
        :raises COSError: ``NoSuchBucket``
        """
        bucket = self._buckets.get(name)
        if bucket is None or region not in (None, bucket.region):
            raise COSError("NoSuchBucket")
        return bucket

    def all(self) -> list[Bucket]:
        """Return the buckets in the order of their names."""
        with self._lock:
            return [self._buckets[name] for name in sorted(self._buckets)]
