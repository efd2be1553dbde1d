# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection of type ``cos``, read. No I/O: the worker and the triggerer fetch it in their own ways."""

from __future__ import annotations

import json
import logging
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.cos.settings import DEFAULT_DOMAIN_SUFFIX, ClientSettings, Credentials
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

_DEFAULT_TIMEOUT = 30.0
_SHOWN_NAMES = {"secret_id": "SecretId (login)", "secret_key": "SecretKey (password)"}
_FIELDS = get_provider_info()["connection-types"][0]["conn-fields"]
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_connection(connection: Connection, *, region: str | None) -> ClientSettings:
    """
    Return what a client of COS needs to know.

    :param connection: of type ``cos``: login is the SecretId, password the SecretKey, the rest is in extra. The
        values of a URI are all text, those of JSON and of the form are typed; both are read
    :param region: overrules the connection's
    :raises COSInventoryConfigurationError: where a field is missing or wrong; the error names it, never its secret
    """
    if connection.conn_type not in ("cos", "", None):
        raise COSInventoryConfigurationError(
            f"Connection {connection.conn_id!r} is of type {connection.conn_type!r}.",
            parameter="cos_conn_id",
            hint="Give the id of a connection of type cos (Tencent Cloud COS).",
        )
    try:
        extra = _object(connection.extra or "{}", "extra")
        for unknown in sorted(set(extra) - set(_FIELDS)):
            log.warning("Connection %r has an extra %r, which means nothing here", connection.conn_id, unknown)
        return ClientSettings(
            credentials=Credentials(
                secret_id=connection.login or "", secret_key=connection.password or "", token=extra.get("token") or None
            ),
            region=region or extra.get("region") or "",
            endpoint_url=_text(extra, "endpoint_url"),
            domain_suffix=extra.get("domain_suffix") or DEFAULT_DOMAIN_SUFFIX,
            internal=_boolean(extra, "internal", default=False),
            timeout=_seconds(extra, "timeout"),
            verify_ssl=_verify_ssl(extra),
            proxies=_object(extra["proxies"], "proxies") if extra.get("proxies") else None,
        )
    except COSInventoryConfigurationError as error:
        raise COSInventoryConfigurationError(
            f"Connection {connection.conn_id!r}: {error.message}",
            parameter=_SHOWN_NAMES.get(error.parameter or "", error.parameter),
            hint=error.hint,
        ) from None


def no_connection(conn_id: str) -> COSInventoryConfigurationError:
    """Return the error for a connection that is not there."""
    return COSInventoryConfigurationError(
        f"There is no connection {conn_id!r}.",
        parameter="cos_conn_id",
        hint=f"Make one of type Tencent Cloud COS, or set AIRFLOW_CONN_{conn_id.upper()}.",
    )


def _object(value: Any, field: str) -> Mapping[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise COSInventoryConfigurationError(f"{field} is not a JSON object.", parameter=field)
    return found


def _text(extra: Mapping[str, Any], field: str) -> str | None:
    value = extra.get(field)
    if value and not isinstance(value, str):
        raise COSInventoryConfigurationError(f"{field} is no text.", parameter=field)
    return value or None


def _boolean(extra: Mapping[str, Any], field: str, *, default: bool) -> bool:
    value = extra.get(field)
    if value is None or value == "":
        return default
    found = value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise COSInventoryConfigurationError(f"{value!r} is not a choice.", parameter=field, hint="Use true or false.")
    return found


def _seconds(extra: Mapping[str, Any], field: str) -> float:
    value = extra.get(field)
    if value is None or value == "":
        return _DEFAULT_TIMEOUT
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise COSInventoryConfigurationError(
            f"{reprlib.repr(value)} is not a time-out.", parameter=field, hint="Give seconds, more than 0."
        ) from None


def _verify_ssl(extra: Mapping[str, Any]) -> bool | str:
    value = extra.get("verify_ssl")
    if isinstance(value, str) and value.strip() and value.strip().lower() not in _BOOLEANS:
        return value.strip()
    return _boolean(extra, "verify_ssl", default=True)
