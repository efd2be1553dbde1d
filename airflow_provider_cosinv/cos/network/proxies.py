# SPDX-License-Identifier: Apache-2.0
"""Which proxy a request takes: the connection's, else the environment's. Pure: no I/O, and no name is resolved."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote_to_bytes, urlsplit

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError

#: How to write the proxies of a connection.
PROXIES_HINT = 'Write {"https": "http://proxy.example.com:3128"}.'

_ADDRESS_HINT = (
    "Write http://proxy.example.com:3128, or http://user:password@proxy.example.com:3128 with every other character "
    "than letters and digits of user and password percent-encoded: / is %2F, # is %23."
)
_SOCKS_HINT = "Name an HTTP proxy instead, or set NO_PROXY for hosts that are reached without one."
_PORTS = {"http": 80, "https": 443}
# A label may begin with an underscore: containers are named so.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PLACE = re.compile(rf"(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?/?")
_EXCEPTION = re.compile(r"(?P<name>\[[^\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """
    A proxy. Its address holds no password, because HTTP libraries print addresses.

    :param url: scheme, host and, if it is not the scheme's own, port
    :param authorization: value of the header ``Proxy-Authorization``
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


def proxy_for(url: str, *, proxies: Mapping[str, str] | None, environment: Mapping[str, str]) -> Proxy | None:
    """
    Return the proxy for a URL; None if it is reached without one.

    :param url: to request
    :param proxies: of the connection, by scheme; they hold for every host
    :param environment: variables such as ``HTTPS_PROXY``. The name in lower case counts first, even if it is empty
    :raises COSInventoryConfigurationError: if the proxy is not an HTTP proxy; the error names where it comes from,
        never its value
    """
    parts = urlsplit(url)
    if proxies and parts.scheme in proxies:
        return read_proxy(proxies[parts.scheme], named=f"The proxy for {parts.scheme}", parameter="proxies")
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        variable, value = _variable(environment, name)
        if value:
            if is_excepted(parts.hostname or "", parts.port or _PORTS[parts.scheme], environment=environment):
                return None
            return read_proxy(value, named=f"{variable} of the environment", parameter=variable)
    return None


def read_proxy(value: str, *, named: str, parameter: str) -> Proxy:
    """
    Return a proxy from the text that names it; without a scheme, it is an HTTP proxy.

    :param named: subject of the error's message
    :param parameter: of the error
    :raises COSInventoryConfigurationError: if it is not an HTTP proxy. The value, which may hold a password, is
        neither in the message nor in a cause: the parsers of the standard library and of HTTP libraries print it
    """
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        scheme, rest = "http", scheme
    scheme = scheme.lower()
    if scheme.startswith("socks"):
        raise COSInventoryConfigurationError(
            f"{named} is a SOCKS proxy, which is not supported.", parameter=parameter, hint=_SOCKS_HINT
        )
    login, _, place = rest.rpartition("@")
    authorization = _authorization(login)
    # Whatever follows one of these is not a user or a password any more to a parser of URLs.
    if scheme not in _PORTS or authorization is None or re.search(r"[/?#\\\s]", login) or not _is_place(place):
        raise COSInventoryConfigurationError(
            f"{named} is not the address of an HTTP proxy.", parameter=parameter, hint=_ADDRESS_HINT
        )
    return Proxy(url=f"{scheme}://{place.removesuffix('/').lower()}", authorization=authorization or None)


def is_excepted(host: str, port: int, *, environment: Mapping[str, str]) -> bool:
    """
    Return whether ``NO_PROXY`` excepts a host from the proxies of the environment.

    Its entries are ``*``; names, which include their subdomains; addresses; and ranges such as ``10.0.0.0/8``. Each
    may be followed by a port.
    """
    host = host.lower().rstrip(".")
    entries = re.split(r"[\s,]+", _variable(environment, "no_proxy")[1].lower())
    return any(_excepts(entry, host, port) for entry in entries)


def _excepts(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    network = _network(entry)
    if network is None:
        parts = _EXCEPTION.fullmatch(entry)
        if parts is None or int(parts["port"] or port) != port:
            return False
        entry = parts["name"].strip("[]")
        network = _network(entry)
    if address is not None or network is not None:
        return address is not None and network is not None and address in network
    name = entry.removeprefix("*").strip(".")
    return bool(name) and f".{host}".endswith(f".{name}")


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the name that counts and its value."""
    found = name if name in environment else name.upper()
    return found, environment.get(found, "").strip()


def _is_place(place: str) -> bool:
    parts = _PLACE.fullmatch(place)
    if parts is None or not 0 < int(parts["port"] or 1) < 2**16:
        return False
    return not place.startswith("[") or _address(parts["host"].strip("[]")) is not None


def _authorization(login: str) -> str | None:
    """Return the header's value, empty without a user; None for a text that no header can carry."""
    if not login:
        return ""
    user, _, password = login.partition(":")
    try:
        # Undecodable bytes of the environment are surrogates in os.environ: they are sent as they are.
        raw = [unquote_to_bytes(part.encode(errors="surrogateescape")) for part in (user, password)]
    except UnicodeEncodeError:
        return None
    return "Basic " + b64encode(b":".join(raw)).decode()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
