# SPDX-License-Identifier: Apache-2.0
"""What may be inventoried: periodic rules, one-time submissions, and what speaks against them."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.inventories.jobs import Job, Jobs
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.emulator.storage.buckets import Bucket
from airflow_provider_cosinv.emulator.storage.store import Store
from airflow_provider_cosinv.inventory.configuration import Destination, InventoryConfiguration

#: Inventories of one bucket (436/30624).
LIMIT = 1000


class Inventories:
    """The rules of all buckets, and the way to a job; safe to use from several threads."""

    def __init__(
        self,
        *,
        settings: EmulatorSettings,
        store: Store,
        jobs: Jobs,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store
        self._jobs = jobs
        self._monotonic = monotonic
        self._lock = Lock()
        self._rules: dict[str, dict[str, InventoryConfiguration]] = {}
        self._next_post: dict[str, float] = {}
        self._accepted: dict[str, int] = {}

    def submit(self, bucket: Bucket, configuration: InventoryConfiguration) -> Job:
        """
        Begin a one-time inventory.

        :raises COSError: ``SlowDown``, ``DuplicateInventoryId``, or what is wrong with the destination
        """
        with self._lock:
            self._check_rate(bucket)
            self._check_destination(bucket, configuration.destination)
            inventory_id = configuration.inventory_id
            if inventory_id in self._rules.get(bucket.name, {}) or self._jobs.is_used(bucket.name, inventory_id):
                raise COSError("DuplicateInventoryId", status=self._settings.duplicate_status)
            self._accepted[bucket.name] = self.accepted_posts(bucket.name) + 1
            return self._jobs.start(bucket, configuration, periodic=False)

    def accepted_posts(self, bucket: str) -> int:
        """Return how many one-time inventories of a bucket were accepted."""
        return self._accepted.get(bucket, 0)

    def put_rule(self, bucket: Bucket, configuration: InventoryConfiguration) -> None:
        """
        Set or replace a periodic inventory.

        :raises COSError: ``InventoryFull``, or what is wrong with the destination
        """
        with self._lock:
            self._check_destination(bucket, configuration.destination)
            rules = self._rules.setdefault(bucket.name, {})
            if configuration.inventory_id not in rules and len(rules) >= LIMIT:
                raise COSError("InventoryFull")
            rules[configuration.inventory_id] = configuration

    def rule(self, bucket: Bucket, inventory_id: str) -> InventoryConfiguration:
        """
        Return a periodic inventory.

        :raises COSError: ``InventoryConfigurationNotFoundError``
        """
        try:
            return self._rules[bucket.name][inventory_id]
        except KeyError:
            raise COSError("InventoryConfigurationNotFoundError") from None

    def rules(self, bucket: Bucket) -> list[InventoryConfiguration]:
        """Return the periodic inventories of a bucket, oldest first."""
        with self._lock:
            return list(self._rules.get(bucket.name, {}).values())

    def delete_rule(self, bucket: Bucket, inventory_id: str) -> None:
        """Delete a periodic inventory; one that does not exist is no error."""
        with self._lock:
            self._rules.get(bucket.name, {}).pop(inventory_id, None)

    def forget(self, bucket: Bucket) -> None:
        """Forget the rules of a bucket that is gone."""
        with self._lock:
            self._rules.pop(bucket.name, None)

    def run_rule(self, bucket: Bucket, inventory_id: str) -> Job:
        """
        Take the inventory of a rule now, as COS does every night.

        :return: the job, scanned and delivered
        :raises COSError: ``InventoryConfigurationNotFoundError``, or ``InvalidRequest`` where the rule is disabled
        """
        configuration = self.rule(bucket, inventory_id)
        if not configuration.is_enabled:
            raise COSError("InvalidRequest", f"The inventory {inventory_id} is not enabled.")
        job = self._jobs.start(bucket, configuration, periodic=True)
        job.scanned.wait()
        self._jobs.deliver(job)
        return job

    def _check_rate(self, bucket: Bucket) -> None:
        # Real time, not the emulator's clock: a moved clock must not lift the limit.
        now = self._monotonic()
        if self._settings.post_rate and now < self._next_post.get(bucket.name, now):
            raise COSError("SlowDown")
        if self._settings.post_rate:
            self._next_post[bucket.name] = now + 1 / self._settings.post_rate

    def _check_destination(self, bucket: Bucket, destination: Destination) -> None:
        if not self._settings.check_destination:
            return
        if destination.region != bucket.region:
            raise COSError(
                "InvalidArgument",
                f"The destination is in {destination.region}, the source bucket in {bucket.region}.",
            )
        found = self._store.find(destination.bucket)
        if found.region != bucket.region:
            raise COSError(
                "InvalidArgument", f"The destination bucket {found.name} is in {found.region}, not {bucket.region}."
            )
        if not found.accepts_reports:
            raise COSError("AccessDenied", f"COS may not write to the destination bucket {found.name}.")
