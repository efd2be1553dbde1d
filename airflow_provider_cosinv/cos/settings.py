# SPDX-License-Identifier: Apache-2.0
"""What a COS client is made of: credentials, region and the way there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_cosinv.cos.proxies import PROXIES_HINT, read_proxy
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.bucket import check_region

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.credential_source import CredentialSource

SCHEMES = ("http", "https")
DEFAULT_DOMAIN_SUFFIX = "myqcloud.com"
# The VPC domain exists below this suffix only (436/6224).
INTERNAL_DOMAIN_SUFFIX = "tencentcos.cn"

_MISSING = "Set it in the connection, or say where credentials come from in its extra credential."
_PRINTABLE = re.compile(r"[!-~]+")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


def refuse(parameter: str, message: str, hint: str) -> COSInventoryConfigurationError:
    """Return the error for a value that cannot be used."""
    return COSInventoryConfigurationError(message, parameter=parameter, hint=hint)


@dataclass(frozen=True, repr=False)
class Credentials:
    """
    The identity that signs requests.

    :param secret_id: SecretId of a key of CAM, or of temporary credentials
    :param secret_key: SecretKey that belongs to it
    :param token: session token; temporary credentials have one
    :raises COSInventoryConfigurationError: where a value is missing or holds a blank or a line break, as a
        careless paste leaves it; the value itself is never in the message
    """

    secret_id: str
    secret_key: str
    token: str | None = None

    def __post_init__(self) -> None:
        """Check the characters: HTTP libraries print a header value that they refuse."""
        for parameter in ("secret_id", "secret_key", "token"):
            value = getattr(self, parameter)
            if parameter == "token" and value is None:
                continue
            if not isinstance(value, str) or not value:
                raise refuse(parameter, f"The {parameter} is missing.", _MISSING)
            if not _PRINTABLE.fullmatch(value):
                raise refuse(
                    parameter,
                    f"The {parameter} holds a blank, a line break or a character outside ASCII.",
                    "Copy it again, without what is around it.",
                )

    def __repr__(self) -> str:
        """Return the first four characters of the SecretId and nothing else."""
        return f"Credentials(secret_id='{self.secret_id[:4]}***')"


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


def check_endpoint_url(url: str, *, parameter: str = "endpoint_url") -> None:
    """
    Check an address to connect to: scheme, host and port, and nothing else.

    :raises COSInventoryConfigurationError: where it is something else
    """
    hint = "Write scheme, host and port only, such as http://127.0.0.1:9000."
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise refuse(parameter, f"The {parameter} is not a URL.", hint) from None
    if parts.username is not None or parts.password is not None:
        raise refuse(parameter, f"The {parameter} holds a user name or password.", hint)
    if (
        parts.scheme not in SCHEMES
        or not parts.hostname
        or not port_is_valid
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or not _PRINTABLE.fullmatch(url)
    ):
        raise refuse(parameter, f"{quoted(url)} is not an address to connect to.", hint)


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
