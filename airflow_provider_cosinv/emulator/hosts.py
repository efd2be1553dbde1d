# SPDX-License-Identifier: Apache-2.0
"""From the Host header to a bucket: COS knows virtual-hosted buckets only (436/6224)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_DOMAIN = r"\.(?:myqcloud\.com|tencentcos\.cn)"
_BUCKET = re.compile(
    r"(?P<bucket>[^.]+)\.(?:cos|cos-internal)\.(?P<region>[a-z0-9-]+)" + _DOMAIN,
)
_SERVICE = re.compile(r"(?:service\.cos|(?:cos|cos-internal)\.(?P<region>[a-z0-9-]+))" + _DOMAIN)


@dataclass(frozen=True)
class Target:
    """
    Whom a request is for.

    ``bucket`` and ``region`` for a bucket; ``service`` (and perhaps ``region``) for the list of buckets; nothing
    for any other host, the emulator's own address for one.
    """

    bucket: str | None = None
    region: str | None = None
    service: bool = False


def without_port(host: str) -> str:
    """Return a Host header in lower case, without its port."""
    lowered = host.strip().lower()
    if lowered.startswith("["):
        return lowered.partition("]")[0] + "]"
    return lowered.partition(":")[0]


def parse_host(host: str) -> Target:
    """Return whom a Host header names."""
    name = without_port(host)
    if match := _BUCKET.fullmatch(name):
        if match["bucket"] == "service":
            return Target(service=True)
        return Target(bucket=match["bucket"], region=match["region"])
    if match := _SERVICE.fullmatch(name):
        return Target(service=True, region=match["region"])
    return Target()


def bucket_host(bucket: str, region: str) -> str:
    """Return the default domain of a bucket."""
    return f"{bucket}.cos.{region}.myqcloud.com"


def is_address(host: str) -> bool:
    """Return whether a Host header is an IP address or ``localhost``, as no web page of another site can send."""
    name = without_port(host).strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True


def is_loopback(address: str) -> bool:
    """Return whether an address (or ``localhost``) is this machine's own."""
    if address == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
