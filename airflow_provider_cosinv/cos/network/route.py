# SPDX-License-Identifier: Apache-2.0
"""
How a URL is reached: by which proxy, and with which certificates of authorities.

Worker and triggerer use two HTTP libraries, and Tencent's library for credentials a third way. Each reads the
environment by rules of its own, so none of them is asked: what is decided here is given to all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import certifi

from airflow_provider_cosinv.cos.network.proxies import Proxy, proxy_for


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    The way to one host.

    :param proxy: that is asked instead; None for the host itself
    :param uses_tls: whether host or proxy is reached over TLS
    :param roots: paths of certificates of authorities: the first that is there counts, and the last must be there.
        Without any, certificates are not checked
    """

    proxy: Proxy | None
    uses_tls: bool
    roots: tuple[str, ...]


def route_to(
    url: str, *, proxies: Mapping[str, str] | None, verify_ssl: bool | str, environment: Mapping[str, str]
) -> Route:
    """
    Decide how a URL is reached.

    :param url: to request
    :param proxies: of the connection, by scheme
    :param verify_ssl: of the connection
    :param environment: variables of the process
    :raises COSInventoryConfigurationError: if the proxy is not an HTTP proxy
    """
    proxy = proxy_for(url, proxies=proxies, environment=environment)
    return Route(
        proxy=proxy,
        uses_tls="https" in (place_of(url).partition(":")[0], proxy.url.partition(":")[0] if proxy else ""),
        roots=roots_for(verify_ssl, environment=environment),
    )


def roots_for(verify_ssl: bool | str, *, environment: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return the paths of certificates of authorities, see :class:`Route`.

    The variables of requests must lead somewhere, as it has it. Those of OpenSSL need not, as it has it.

    :param verify_ssl: of the connection
    :param environment: variables of the process
    """
    if verify_ssl is False:
        return ()
    if isinstance(verify_ssl, str):
        return (verify_ssl,)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if environment.get(name):
            return (environment[name],)
    found = [path for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if (path := environment.get(name))]
    return (*found, certifi.where())


def place_of(url: str) -> str:
    """Return scheme, host and port of a URL: all that a route depends on."""
    return "/".join(url.split("/", 3)[:3])
