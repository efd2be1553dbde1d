# SPDX-License-Identifier: Apache-2.0
"""The connections of the sync client: a session of its own, whose errors tell whether anything was sent."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_cosinv.cos.network import causes

#: Threads of one client that can talk to COS without opening connections anew.
POOL_SIZE = 16

_UNSENT = "cosinv_unsent"


def new_session() -> requests.Session:
    """Return a session that keeps connections and nothing else."""
    session = requests.Session()
    adapter = _Adapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # COS sets none; a gateway's would be one more thing that threads share.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def was_sent(error: BaseException) -> bool:
    """Return whether a request that failed may have left: not where no connection came about, TLS and all."""
    return not any(hasattr(cause, _UNSENT) for cause in causes(error))


class _Connection(HTTPConnection):
    """Marks what goes wrong before a request can leave; a reset afterwards looks the same."""

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as error:
            setattr(error, _UNSENT, True)
            raise


class _TLSConnection(_Connection, HTTPSConnection):
    """The same, to the end of the handshake."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Opens connections of the classes above. No retries: tenacity decides."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_own_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        # A SOCKS proxy has pools that know how to reach it.
        if isinstance(manager, ProxyManager):
            _use_own_pools(manager)
        return manager


def _use_own_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
