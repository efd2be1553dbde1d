# SPDX-License-Identifier: Apache-2.0
"""Who signs, as a connection says it: its stored key, or the source that its extra ``credential`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import (
    ASSUME_ROLE,
    DEFAULT_DURATION,
    DEFAULT_SESSION_NAME,
    OWN_IDENTITY,
    CredentialSource,
)
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.hooks.connection_values import proxies, text, whole_seconds

if TYPE_CHECKING:
    from airflow.sdk import Connection

# Fields that need assume_role.
_OF_THE_ROLE = ("role_arn", "role_session_name", "external_id", "duration_seconds", "credential_source")


def read_credentials(
    connection: Connection, extra: Mapping[str, Any], *, timeout: float, verify_ssl: bool | str
) -> Credentials | CredentialSource:
    """
    Return the stored key, or the source of credentials.

    A connection that both stores a key and names a source is refused: it is not for this package to guess which
    identity was meant. With ``assume_role`` the stored key is the caller's.

    :param extra: of the connection
    :param timeout: seconds that a request waits for the source
    :param verify_ssl: of the connection
    :raises COSInventoryConfigurationError: where a field is missing, wrong, or has no meaning beside another
    """
    kind = text(extra, "credential")
    if kind == ASSUME_ROLE:
        return _role(connection, extra, timeout=timeout, verify_ssl=verify_ssl)
    for field in _OF_THE_ROLE:
        if extra.get(field) not in (None, ""):
            raise COSInventoryConfigurationError(
                f"{field} is set, but no role is to be assumed.",
                parameter=field,
                hint=f"Set credential to {ASSUME_ROLE}, or take {field} away.",
            )
    if kind is None:
        return _stored(connection, extra)
    source = _source(extra, kind, timeout)  # an unknown kind is an error first
    if _has_key(connection, extra):
        raise _two_identities("credential", kind)
    return source


def _role(
    connection: Connection, extra: Mapping[str, Any], *, timeout: float, verify_ssl: bool | str
) -> CredentialSource:
    endpoint = text(extra, "sts_endpoint_url")
    return CredentialSource(
        kind=ASSUME_ROLE,
        role_arn=text(extra, "role_arn"),
        role_session_name=text(extra, "role_session_name") or DEFAULT_SESSION_NAME,
        external_id=text(extra, "external_id"),
        duration_seconds=whole_seconds(extra, "duration_seconds", default=DEFAULT_DURATION),
        caller=_caller(connection, extra, timeout),
        sts_endpoint_url=endpoint,
        timeout=timeout,
        verify_ssl=verify_ssl,
        proxy=(proxies(extra) or {}).get(urlsplit(endpoint or "https:").scheme),
    )


def _caller(connection: Connection, extra: Mapping[str, Any], timeout: float) -> Credentials | CredentialSource | None:
    kind = text(extra, "credential_source")
    if kind is None:
        return _stored(connection, extra) if _has_key(connection, extra) else None
    if kind not in OWN_IDENTITY:
        raise COSInventoryConfigurationError(
            f"{quoted(kind)} cannot assume a role.",
            parameter="credential_source",
            hint=f"Use one of {', '.join(OWN_IDENTITY)}, or store the caller's SecretId and SecretKey.",
        )
    if _has_key(connection, extra):
        raise _two_identities("credential_source", kind)
    return _source(extra, kind, timeout)


def _has_key(connection: Connection, extra: Mapping[str, Any]) -> bool:
    return bool(connection.login or connection.password or text(extra, "token"))


def _stored(connection: Connection, extra: Mapping[str, Any]) -> Credentials:
    return Credentials(
        secret_id=connection.login or "", secret_key=connection.password or "", token=text(extra, "token")
    )


def _source(extra: Mapping[str, Any], kind: str, timeout: float) -> CredentialSource:
    return CredentialSource(kind=kind, sts_endpoint_url=text(extra, "sts_endpoint_url"), timeout=timeout)


def _two_identities(field: str, kind: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        f"A key is stored, and {field} names another identity, {kind}.",
        parameter=field,
        hint=f"Take SecretId, SecretKey and token away, or {field}.",
    )
