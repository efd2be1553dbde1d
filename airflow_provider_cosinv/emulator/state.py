# SPDX-License-Identifier: Apache-2.0
"""The whole emulated service: what its parts share."""

from __future__ import annotations

from airflow_provider_cosinv.emulator.clock import Clock
from airflow_provider_cosinv.emulator.credentials import Credential, Credentials
from airflow_provider_cosinv.emulator.faults import Faults
from airflow_provider_cosinv.emulator.inventories.jobs import Jobs
from airflow_provider_cosinv.emulator.inventories.rules import Inventories
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.emulator.storage.bodies import Spool
from airflow_provider_cosinv.emulator.storage.buckets import Bucket
from airflow_provider_cosinv.emulator.storage.objects import Catalogue
from airflow_provider_cosinv.emulator.storage.store import Store
from airflow_provider_cosinv.emulator.storage.uploads import Uploads


class Emulation:
    """
    One emulated COS, without its network side.

    :param settings: how it behaves
    :param credential: who may call from the start
    """

    def __init__(self, *, settings: EmulatorSettings, credential: Credential) -> None:
        self.settings = settings
        self.clock = Clock()
        self.credentials = Credentials([credential])
        self.faults = Faults()
        self.spool = Spool()
        self.store = Store()
        self.uploads = Uploads()
        self.jobs = Jobs(settings=settings, clock=self.clock, store=self.store, spool=self.spool, faults=self.faults)
        self.inventories = Inventories(settings=settings, store=self.store, jobs=self.jobs)

    def create_bucket(
        self,
        name: str,
        *,
        region: str | None = None,
        versioning: bool = False,
        accepts_reports: bool = True,
        catalogue: Catalogue | None = None,
    ) -> Bucket:
        """
        Create a bucket.

        :param name: full name, ``name-APPID``
        :param region: by default that of the settings
        :param versioning: whether old versions are kept
        :param accepts_reports: whether COS may write reports into it
        :param catalogue: objects that it has from the start
        :raises COSError: where the name is wrong or taken
        """
        bucket = Bucket(
            name=name,
            region=region or self.settings.region,
            owner=self.settings.owner,
            created=self.clock.now(),
            versioning=versioning,
            accepts_reports=accepts_reports,
            catalogue=catalogue,
        )
        self.store.add(bucket)
        return bucket

    def close(self) -> None:
        """Stop what runs and remove the temporary folder."""
        self.jobs.close()
        self.spool.close()
