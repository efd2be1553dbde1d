# SPDX-License-Identifier: Apache-2.0
"""What a COS client is made of: credentials, region and the way there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_cosinv.cos.checks import SCHEMES, check_endpoint_url, refuse
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import CredentialSource
from airflow_provider_cosinv.cos.network.proxies import PROXIES_HINT, read_proxy
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.names import check_region

DEFAULT_DOMAIN_SUFFIX = "myqcloud.com"
# The VPC domain exists below this suffix only (436/6224).
INTERNAL_DOMAIN_SUFFIX = "tencentcos.cn"
#: Connections that one client keeps open: so many threads can share it without reconnecting.
POOL_SIZE = 16

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """
    What a client needs to reach COS.

    :param credentials: the identity that signs, or the source that issues it when a request needs it
    :param region: of the buckets, such as ``ap-guangzhou``
    :param endpoint_url: where to connect instead of the bucket's domain: scheme, host and port of a gateway or
        of the emulator. The Host header stays the bucket's domain
    :param domain_suffix: ``myqcloud.com`` or ``tencentcos.cn`` (436/6224)
    :param internal: use the VPC domain ``cos-internal.<region>.tencentcos.cn``
    :param timeout: seconds, for connecting and for each wait for bytes; not for a whole download
    :param verify_ssl: check the certificate; or the path of a file or folder of CA certificates to check it with
    :param proxies: ``{"http": url, "https": url}``; without it the environment's ``HTTPS_PROXY`` and so on count.
        What counts is decided by :func:`~.route.route_to`
    :raises COSInventoryConfigurationError: where a value is wrong; ``parameter`` names it
    """

    credentials: Credentials | CredentialSource
    region: str
    endpoint_url: str | None = None
    domain_suffix: str = DEFAULT_DOMAIN_SUFFIX
    internal: bool = False
    timeout: float = 30.0
    verify_ssl: bool | str = True
    # Not in the repr: a proxy's URL may carry a password.
    proxies: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without a request."""
        check_region(self.region)
        if self.endpoint_url is not None:
            check_endpoint_url(self.endpoint_url)
        if not isinstance(self.domain_suffix, str) or not _DOMAIN.fullmatch(self.domain_suffix):
            raise refuse(
                "domain_suffix",
                f"{quoted(self.domain_suffix)} is not a domain.",
                f"Use {DEFAULT_DOMAIN_SUFFIX} or {INTERNAL_DOMAIN_SUFFIX}.",
            )
        if (
            isinstance(self.timeout, bool)
            or not isinstance(self.timeout, (int, float))
            or not math.isfinite(self.timeout)
            or self.timeout <= 0
        ):
            raise refuse("timeout", f"{quoted(self.timeout)} is not a time-out.", "Give seconds, more than 0.")
        if not isinstance(self.verify_ssl, (bool, str)) or self.verify_ssl == "":
            raise refuse(
                "verify_ssl",
                f"{quoted(self.verify_ssl)} is not a choice.",
                "Use true, false or the path of CA certificates.",
            )
        _check_proxies(self.proxies)


def no_such_ca_file(path: str) -> COSInventoryConfigurationError:
    """Return the error for a path of CA certificates that leads nowhere."""
    return COSInventoryConfigurationError(
        f"There are no CA certificates at {quoted(path)}.",
        parameter="verify_ssl",
        hint="Give the path of a PEM file on every machine that runs tasks.",
    )


def _check_proxies(proxies: Mapping[str, str] | None) -> None:
    if proxies is None:
        return
    if not isinstance(proxies, Mapping):
        raise refuse("proxies", "proxies is not a mapping of schemes to URLs.", PROXIES_HINT)
    for scheme, url in proxies.items():
        if scheme not in SCHEMES:
            raise refuse("proxies", f"{quoted(scheme)} is not a scheme.", PROXIES_HINT)
        if not isinstance(url, str) or "://" not in url:
            raise refuse("proxies", f"The proxy for {scheme} is not a URL.", PROXIES_HINT)
        read_proxy(url, named=f"The proxy for {scheme}", parameter="proxies")
