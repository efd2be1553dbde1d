# SPDX-License-Identifier: Apache-2.0
"""The emulator as a Python object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_provider_cosinv.emulator.api.app import Application
from airflow_provider_cosinv.emulator.api.objects import parse_tags
from airflow_provider_cosinv.emulator.control import describe
from airflow_provider_cosinv.emulator.credentials import (
    DEFAULT_SECRET_ID,
    DEFAULT_SECRET_KEY,
    Credential,
    permissions,
)
from airflow_provider_cosinv.emulator.faults import Fault
from airflow_provider_cosinv.emulator.hosts import bucket_host
from airflow_provider_cosinv.emulator.server import ServerThread
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.emulator.state import Emulation
from airflow_provider_cosinv.emulator.storage.directory import DirectoryCatalogue
from airflow_provider_cosinv.emulator.storage.objects import Catalogue, ObjectVersion
from airflow_provider_cosinv.emulator.storage.synthetic import SyntheticCatalogue

if TYPE_CHECKING:
    from typing_extensions import Self


class COSEmulator:
    """
    A local COS that really takes inventories.

    .. code-block:: python

        with COSEmulator() as cos:
            cos.create_bucket("examplebucket-1250000000")
            cos.put_object("examplebucket-1250000000", "a.txt", b"hello", tags={"age": "18"})
            os.environ["AIRFLOW_CONN_COS_DEFAULT"] = cos.connection_json

    :param host: address to bind; the default is this machine only
    :param port: 0 is any free one; see :attr:`port` once started
    :param secret_id: of the credential that may do everything
    :param secret_key: of that credential
    :param settings: how the emulator behaves
    :param tls: PEM files of a certificate for the host and of its key; without them it speaks plain HTTP
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        secret_id: str = DEFAULT_SECRET_ID,
        secret_key: str = DEFAULT_SECRET_KEY,
        settings: EmulatorSettings | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.secret_id = secret_id
        self._secret_key = secret_key
        self.settings = settings or EmulatorSettings()
        self.tls = tls
        self._running: tuple[Emulation, ServerThread] | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """
        Start, and wait until requests are answered.

        :raises OSError: where the address cannot be bound
        """
        emulation = Emulation(
            settings=self.settings,
            credential=Credential(secret_id=self.secret_id, secret_key=self._secret_key),
        )
        server = ServerThread(
            make_app=lambda reset: Application(emulation=emulation, reset=reset),
            host=self.host,
            port=self.port,
            tls=self.tls,
        )
        try:
            self.port = server.start()
        except BaseException:
            emulation.close()
            raise
        self._running = (emulation, server)

    def stop(self) -> None:
        """Stop, and remove what was stored."""
        if self._running is not None:
            emulation, server = self._running
            self._running = None
            server.stop()
            emulation.close()

    @property
    def url(self) -> str:
        """Where to connect, such as ``http://127.0.0.1:9000``; the Host header names the bucket."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  compared, not bound
        scheme = "https" if self.tls else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection to the emulator, as a dict; it holds the secret key."""
        return {
            "conn_type": "cos",
            "login": self.secret_id,
            "password": self._secret_key,
            "extra": {
                "region": self.settings.region,
                "endpoint_url": self.url,
                **({"verify_ssl": str(self.tls[0])} if self.tls else {}),
            },
        }

    @property
    def connection_json(self) -> str:
        """The value of ``AIRFLOW_CONN_COS_DEFAULT``."""
        return json.dumps(self.connection)

    def bucket_host(self, bucket: str) -> str:
        """Return the Host header of a bucket."""
        return bucket_host(bucket, self._emulation.store.find(bucket).region)

    def create_bucket(
        self,
        name: str,
        *,
        region: str | None = None,
        versioning: bool = False,
        accepts_reports: bool = True,
        objects: int | None = None,
        directory: Path | None = None,
    ) -> int:
        """
        Create a bucket.

        :param name: full name, ``name-APPID``
        :param region: by default that of the settings
        :param versioning: whether old versions are kept
        :param accepts_reports: whether COS may write reports into it
        :param objects: how many made-up objects it has from the start
        :param directory: a folder whose files it has from the start
        :return: how many files of ``directory`` were skipped, because they cannot be read
        """
        catalogue: Catalogue | None = None
        skipped = 0
        if directory is not None:
            catalogue = files = DirectoryCatalogue(directory)
            skipped = files.skipped
        elif objects is not None:
            catalogue = SyntheticCatalogue(objects)
        self._emulation.create_bucket(
            name, region=region, versioning=versioning, accepts_reports=accepts_reports, catalogue=catalogue
        )
        return skipped

    def put_object(
        self,
        bucket: str,
        key: str,
        body: bytes = b"",
        *,
        storage_class: str = "STANDARD",
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
        last_modified: datetime | None = None,
        is_multipart_uploaded: bool = False,
        replication_status: str = "",
    ) -> str:
        """
        Put an object, without a request.

        :param metadata: by header, ``x-cos-meta-owner`` for one
        :param last_modified: aware; by default now
        :param is_multipart_uploaded: what an inventory says of it
        :param replication_status: what an inventory says of it
        :return: its version id; empty where the bucket has no versioning
        """
        found = self._emulation.store.find(bucket)
        writer = self._emulation.spool.writer()
        writer.write(body)
        content = writer.finish()
        headers = {name.lower(): value for name, value in (metadata or {}).items()}
        stored = found.put(
            ObjectVersion(
                key=key,
                size=writer.size,
                last_modified=last_modified.timestamp() if last_modified else self._emulation.clock.now(),
                etag=writer.md5.hex(),
                body=content,
                storage_class=storage_class,
                tags=parse_tags(urlencode(tags or {})),
                headers={"content-type": content_type, **headers},
                crc64=writer.crc64,
                is_multipart_uploaded=is_multipart_uploaded,
                replication_status=replication_status,
            )
        )
        return stored.version_id

    def get_object(self, bucket: str, key: str) -> bytes:
        """Return the bytes of an object, without a request."""
        self._emulation.jobs.settle()
        version = self._emulation.store.find(bucket).get(key)
        return b"".join(version.body.read(0, version.size))

    def delete_object(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        """Delete an object, without a request."""
        now = self._emulation.clock.now()
        self._emulation.store.find(bucket).delete(key, version_id=version_id, now=now)

    def keys(self, bucket: str, *, prefix: str = "") -> list[str]:
        """Return the keys of a bucket, without a request."""
        self._emulation.jobs.settle()
        versions = (found[0] for found in self._emulation.store.find(bucket).scan())
        return [one.key for one in versions if one.key.startswith(prefix) and not one.is_delete_marker]

    def state(self) -> dict[str, Any]:
        """Return buckets, counts and jobs, as ``GET /_emulator/state`` does."""
        return describe(self._emulation)

    def jobs(self) -> list[dict[str, Any]]:
        """Return every inventory job, oldest first."""
        return [job.as_dict() for job in self._emulation.jobs.all()]

    def accepted_posts(self, bucket: str) -> int:
        """Return how many one-time inventories of a bucket were accepted."""
        return self._emulation.inventories.accepted_posts(bucket)

    def deliver_rule(self, bucket: str, inventory_id: str) -> dict[str, Any]:
        """Take the inventory of a periodic rule now and deliver it; return the job."""
        found = self._emulation.store.find(bucket)
        return self._emulation.inventories.run_rule(found, inventory_id).as_dict()

    def deliver_job(self, job_id: str) -> dict[str, Any]:
        """
        Make the report of a job visible now; return the job.

        :raises KeyError: where there is no such job
        """
        job = self._emulation.jobs.find(job_id)
        if job is None:
            raise KeyError(job_id)
        job.scanned.wait()
        self._emulation.jobs.deliver(job)
        return job.as_dict()

    def fault(self, **parameters: Any) -> None:
        """
        Put a fault in force; the parameters are those of :class:`.faults.Fault`.

        :raises ValueError: where one is wrong
        """
        self._emulation.faults.add(Fault.from_dict(parameters))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults, and how often each was ``seen`` and ``happened``."""
        return self._emulation.faults.report()

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._emulation.faults.clear()

    def set_clock_offset(self, seconds: float) -> None:
        """Set the emulator's clock ahead of this machine's; negative is behind."""
        self._emulation.clock.offset = seconds

    def add_credential(
        self,
        *,
        secret_id: str,
        secret_key: str,
        token: str | None = None,
        expires_in: float | None = None,
        allow: Sequence[str] = ("cos:*",),
        deny: Sequence[str] = (),
    ) -> None:
        """
        Add a caller.

        :param token: of a temporary credential
        :param expires_in: seconds until the temporary credential ends
        :param allow: actions, ``cos:GetObject``, or actions on a bucket or its objects, ``cos:* on logs-1250000000``,
            ``cos:GetObject on logs-1250000000/2026/*``
        :param deny: likewise; it wins over ``allow``
        """
        expires_at = None if expires_in is None else self._emulation.clock.now() + expires_in
        self._emulation.credentials.add(
            Credential(
                secret_id=secret_id,
                secret_key=secret_key,
                token=token,
                expires_at=expires_at,
                allow=permissions(allow),
                deny=permissions(deny),
            )
        )

    @property
    def _emulation(self) -> Emulation:
        if self._running is None:
            raise RuntimeError("The emulator is not running: use it in a with block, or call start().")
        return self._running[0]
