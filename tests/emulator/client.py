# SPDX-License-Identifier: Apache-2.0
"""Requests to the emulator, signed by the official SDK: code that the emulator does not share."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_auth import CosS3Auth

from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.inventory.configuration import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.inventory.configuration_xml import post_body, put_body
from airflow_provider_cosinv.inventory.xml import parse_xml, text_of

REGION = "ap-guangzhou"


def sdk(emulator: COSEmulator, **overrides: Any) -> CosS3Client:
    """Return the SDK's client for an emulator, without its retries."""
    connection = emulator.connection
    arguments = {
        "Region": REGION,
        "Scheme": "http",
        "IP": "127.0.0.1",
        "Port": emulator.port,
        "SecretId": connection["login"],
        "SecretKey": connection["password"],
        "Timeout": 5,
        **overrides,
    }
    return CosS3Client(CosConfig(**arguments), retry=0)


class Caller:
    """Sends single requests, signed for a host that need not be the one sent."""

    def __init__(self, emulator: COSEmulator, *, secret_id: str | None = None, secret_key: str | None = None) -> None:
        self.emulator = emulator
        self.secret_id = secret_id or emulator.secret_id
        self.secret_key = secret_key or emulator.connection["password"]

    def __call__(
        self,
        method: str,
        bucket: str,
        key: str = "",
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        data: bytes = b"",
        host: str | None = None,
        timeout: float = 5,
        stream: bool = False,
    ) -> requests.Response:
        sent_host = host or f"{bucket}.cos.{REGION}.myqcloud.com"
        signed = {"Host": sent_host, **(headers or {})}
        config = SimpleNamespace(
            _secret_id=self.secret_id, _secret_key=self.secret_key, _anonymous=False, _sign_params=True, _sign_host=True
        )
        prepared = SimpleNamespace(method=method, url=f"http://{sent_host}/", headers=signed)
        CosS3Auth(config, key or None, params or {}, 300)(prepared)
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        url = f"{self.emulator.url}/{quote(key)}{query}"
        return requests.request(
            method, url, headers=signed, data=data, timeout=timeout, allow_redirects=False, stream=stream
        )


def code(response: requests.Response) -> str | None:
    """Return the error code of an answer."""
    return text_of(parse_xml(response.content), "Code")


def configuration(
    inventory_id: str, bucket: str, *, prefix: str | None = "reports", **overrides: Any
) -> InventoryConfiguration:
    """Return a configuration that delivers to a bucket."""
    arguments = {
        "inventory_id": inventory_id,
        "destination": Destination(bucket=bucket, region=REGION, prefix=prefix),
        **overrides,
    }
    return InventoryConfiguration(**arguments)


def rule(inventory_id: str, destination: str, **overrides: Any) -> InventoryConfiguration:
    """Return the configuration of a daily inventory."""
    return configuration(inventory_id, destination, schedule=Schedule(frequency="Daily"), **overrides)


def submit(call: Caller, bucket: str, inventory: InventoryConfiguration) -> requests.Response:
    """Send POST Bucket inventory."""
    params = {"inventory": "", "id": inventory.inventory_id}
    return call("POST", bucket, params=params, data=post_body(inventory))


def put_rule(call: Caller, bucket: str, inventory: InventoryConfiguration) -> requests.Response:
    """Send PUT Bucket inventory."""
    params = {"inventory": "", "id": inventory.inventory_id}
    return call("PUT", bucket, params=params, data=put_body(inventory))


def only_job(emulator: COSEmulator, bucket: str) -> dict[str, Any]:
    """Return the one job of a bucket."""
    (job,) = [job for job in emulator.jobs() if job["bucket"] == bucket]
    return job


def manifest_of(emulator: COSEmulator, job: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a delivered job."""
    key = f"{job['report_prefix']}/{job['date']}/manifest.json"
    manifest: dict[str, Any] = json.loads(emulator.get_object(job["destination_bucket"], key))
    return manifest


def lines_of(emulator: COSEmulator, job: dict[str, Any]) -> list[str]:
    """Return the lines of a delivered job's data files."""
    lines: list[str] = []
    for file in manifest_of(emulator, job)["files"]:
        data = gzip.decompress(emulator.get_object(job["destination_bucket"], file["key"]))
        lines += data.decode().splitlines()
    return lines
