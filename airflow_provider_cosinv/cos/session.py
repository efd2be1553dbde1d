# SPDX-License-Identifier: Apache-2.0
"""
The connections of whatever uses requests: a session of its own, which tells when the first byte of a request leaves.

Its errors tell whether any byte has left.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from airflow_provider_cosinv.cos.network import lookup
from airflow_provider_cosinv.cos.network.errors import causes
from airflow_provider_cosinv.cos.network.lookup import look_up
from airflow_provider_cosinv.cos.network.pace import PacedResponse, time_left
from airflow_provider_cosinv.cos.network.route import place_of, route_to
from airflow_provider_cosinv.cos.network.tls import checked_path
from airflow_provider_cosinv.cos.sdk_logging import bound_logger
from airflow_provider_cosinv.cos.settings import POOL_SIZE

for _module in ("connection", "connectionpool"):
    bound_logger(f"urllib3.{_module}")


_UNSENT = "cosinv_unsent"

_on_sending: ContextVar[Callable[[], None] | None] = ContextVar("cosinv_on_sending", default=None)


class UnrecordedError(Exception):
    """The call before the first byte failed, so that nothing was sent; its cause says why."""


class Session(requests.Session):
    """
    A session that keeps connections and nothing else.

    Redirects are never followed, and ``~/.netrc`` is never read: either would hand what is signed, or what signs, to
    somebody else. Tencent's libraries send through it, whatever they pass about proxies and certificates.

    :param proxies: of the connection
    :param verify_ssl: of the connection
    """

    def __init__(self, *, proxies: Mapping[str, str] | None, verify_ssl: bool | str) -> None:
        super().__init__()
        self.trust_env = False
        self._given_proxies = proxies
        self._verify_ssl = verify_ssl
        self._ways: dict[str, dict[str, Any]] = {}
        self._adapter = _Adapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)
        # COS sets none; a gateway's would be one more thing that threads share.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def way_to(self, url: str) -> dict[str, Any]:
        """
        Return the proxy and the certificates for a URL, as requests takes them; decided once a host.

        :raises COSInventoryConfigurationError: if there is no such proxy, or there are no certificates
        """
        place = place_of(url)
        if place not in self._ways:
            route = route_to(url, proxies=self._given_proxies, verify_ssl=self._verify_ssl, environment=os.environ)
            if route.proxy and route.proxy.authorization:
                self._adapter.authorizations[route.proxy.url] = route.proxy.authorization
            self._ways[place] = {
                "proxies": {"all": route.proxy.url} if route.proxy else {},
                "verify": (checked_path(route.roots) or False) if route.uses_tls else False,
            }
        return self._ways[place]

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request on the way that was decided for it."""
        return super().send(request, **{**kwargs, **self.way_to(request.url or ""), "allow_redirects": False})

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  none, whatever was answered
        """Return None. Of a redirect that is not followed, requests would still read body and Location."""
        return


@contextmanager
def before_sending(call: Callable[[], None] | None) -> Iterator[None]:
    """
    Let a call happen before the first byte of the request that the block sends, once the connection is there.

    :param call: in the thread of the request; if it fails, nothing is sent
    """
    token = _on_sending.set(call)
    try:
        yield
    finally:
        _on_sending.reset(token)


def was_sent(error: BaseException) -> bool:
    """Return whether a request that failed may have left: not where no connection came about, TLS and all."""
    return not any(hasattr(cause, _UNSENT) for cause in causes(error))


def mark_unsent(error: BaseException) -> None:
    """Mark an error of a request that cannot have left."""
    setattr(error, _UNSENT, True)


class _Connection(HTTPConnection):
    """Marks what goes wrong before a request can leave; a reset afterwards looks the same."""

    response_class = PacedResponse
    _is_connecting = False

    def connect(self) -> None:
        self._is_connecting = True
        try:
            super().connect()
        except Exception as error:
            mark_unsent(error)
            raise
        finally:
            self._is_connecting = False

    def _new_conn(self) -> socket.socket:
        """
        Connect to the host, or to the proxy, as urllib3 does, with a limit for the look-up of its name, too.

        Whoever waits for a look-up gives way to a signal, which stops a task. All addresses together have the time
        that is left for the request.
        """
        # With the dot at its end, if it has one: without it, other domains are searched, too.
        host, timeout = self._dns_host, self.timeout
        try:
            addresses = look_up(
                host.strip("[]"), self.port, family=allowed_gai_family(), seconds=time_left(lookup.SECONDS)
            )
        except UnicodeError:
            raise LocationParseError(f"{host}, label empty or too long") from None
        except OSError as error:
            raise NameResolutionError(host, self, error) from error  # type: ignore[arg-type]  # not a gaierror alone
        failed: Exception | None = None
        for address in addresses:
            self.host = address.host
            if isinstance(timeout, (int, float)):
                self.timeout = time_left(timeout)
            try:
                return super()._new_conn()
            except HTTPError as error:
                failed = error
            finally:
                self.host, self.timeout = host, timeout
        raise failed or NewConnectionError(self, "the host has no address")

    def send(self, data: Any) -> None:
        # What opens a tunnel through a proxy is not the request.
        if not self._is_connecting:
            if self.sock is None and self.auto_open:
                self.connect()
            _announce()
        super().send(data)


def _announce() -> None:
    call = _on_sending.get()
    if call is None:
        return
    # Once: the body follows the headers.
    _on_sending.set(None)
    try:
        call()
    except Exception as error:
        raise UnrecordedError from error


class _TLSConnection(_Connection, HTTPSConnection):
    """The same, to the end of the handshake."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Opens connections of the classes above. No retries: tenacity decides."""

    def __init__(self, **kwargs: Any) -> None:
        #: Values of Proxy-Authorization by the proxy's URL. A session has one proxy for a scheme, so one for a URL.
        self.authorizations: dict[str, str] = {}
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_own_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_own_pools(manager)
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        authorization = self.authorizations.get(proxy)
        return {"Proxy-Authorization": authorization} if authorization else {}

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        # A proxy that is reached over TLS has a certificate, whatever the URL's scheme is.
        super().cert_verify(conn, "https:" if conn.scheme == "https" else url, verify, cert)  # type: ignore[no-untyped-call]


def _use_own_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
