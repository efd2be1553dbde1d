# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection of type ``cos``, read. No I/O: the worker and the triggerer fetch it in their own ways."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_cosinv.cos.settings import DEFAULT_DOMAIN_SUFFIX, ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError, quoted, shown
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.airflow_errors import AirflowNotFoundException
from airflow_provider_cosinv.hooks.connection_credentials import read_credentials
from airflow_provider_cosinv.hooks.connection_values import boolean, choice_or_path, json_object, proxies, seconds, text
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.inventory.text import check_text

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

#: The extra with the bucket that Test connection asks for, and nothing else.
BUCKET_TO_CHECK = "bucket"

_DEFAULT_TIMEOUT = 30.0
_SHOWN_NAMES = {"secret_id": "SecretId (login)", "secret_key": "SecretKey (password)"}
_SHELL_NAME = re.compile(r"[A-Za-z0-9_]+")
_FIELDS = get_provider_info()["connection-types"][0]["conn-fields"]


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
            f"Connection {quoted(connection.conn_id)} is of type {quoted(connection.conn_type)}.",
            parameter="cos_conn_id",
            hint="Give the id of a connection of type cos (Tencent Cloud COS).",
        )
    with _naming(connection):
        extra = json_object(connection.extra or "{}", "extra")
        _warn_of(connection.conn_id, tuple(sorted(set(extra) - set(_FIELDS))))
        timeout = seconds(extra, "timeout", default=_DEFAULT_TIMEOUT)
        verify_ssl = choice_or_path(extra, "verify_ssl", default=True)
        return ClientSettings(
            credentials=read_credentials(connection, extra, timeout=timeout, verify_ssl=verify_ssl),
            region=region or text(extra, "region") or "",
            endpoint_url=text(extra, "endpoint_url"),
            domain_suffix=text(extra, "domain_suffix") or DEFAULT_DOMAIN_SUFFIX,
            internal=boolean(extra, "internal", default=False),
            timeout=timeout,
            verify_ssl=verify_ssl,
            proxies=proxies(extra),
        )


def bucket_to_check(connection: Connection) -> str | None:
    """
    Return the bucket that Test connection asks for; None where the connection names none.

    :raises COSInventoryConfigurationError: where it is no full bucket name
    """
    with _naming(connection):
        name = text(json_object(connection.extra or "{}", "extra"), BUCKET_TO_CHECK)
        return None if name is None else str(BucketName.parse(name, parameter=BUCKET_TO_CHECK))


def no_connection(conn_id: str) -> COSInventoryTransientError:
    """Return the error for a connection that Airflow does not find."""
    # Airflow says the same where a variable is broken, and where its API server or a secrets backend does not answer:
    # a retry may find it.
    return COSInventoryTransientError(
        f"There is no connection {quoted(conn_id)}, or Airflow cannot read it now.",
        parameter="cos_conn_id",
        hint=f"Make one of type Tencent Cloud COS{_variable_to_check(conn_id)}. Where there is one, check Airflow's "
        "API server and secrets backend.",
    )


@contextmanager
def looking_up(conn_id: str) -> Iterator[None]:
    """
    Let the look-up of a connection end in one error that names the connection, whatever Airflow raises.

    That is nothing that a person has to be told at once: the API server denies access where a token has expired or its
    database is away (a PermissionError), a secrets backend raises what its library does, and the next look-up may
    succeed.

    :raises COSInventoryTransientError: if the block fails
    """
    check_text(conn_id, "cos_conn_id")
    try:
        yield
    except AirflowNotFoundException:
        raise no_connection(conn_id) from None
    except PermissionError as error:
        raise COSInventoryTransientError(
            f"Airflow denies this process the connection {quoted(conn_id)}: {shown(error)}",
            parameter="cos_conn_id",
            hint="Check Airflow's API server and the clocks: it also denies access for a token that has expired.",
        ) from None
    except Exception as error:  # noqa: BLE001  secrets backends raise what their libraries do
        # Without its text, which may hold the connection's URI with its password.
        raise COSInventoryTransientError(
            f"Airflow cannot read the connection {quoted(conn_id)} now ({type(error).__name__}).",
            parameter="cos_conn_id",
            hint="Check Airflow's API server and secrets backend.",
        ) from None


def _variable_to_check(conn_id: str) -> str:
    # Other ids make no name of a variable that a shell can set.
    if not _SHELL_NAME.fullmatch(conn_id):
        return ""
    return (
        f", or set AIRFLOW_CONN_{shown(conn_id.upper())}. Where that is set, check that its JSON is complete, or its "
        "URI percent-encoded (/ in a key is %2F): Airflow reports a broken one as missing"
    )


@contextmanager
def _naming(connection: Connection) -> Iterator[None]:
    """Let an error name the connection, and its fields as the form does."""
    try:
        yield
    except COSInventoryConfigurationError as error:
        raise COSInventoryConfigurationError(
            f"Connection {quoted(connection.conn_id)}: {error.message}",
            parameter=_SHOWN_NAMES.get(error.parameter or "", error.parameter),
            hint=error.hint,
        ) from None


@lru_cache(maxsize=256)
def _warn_of(conn_id: str, unknown: tuple[str, ...]) -> None:
    # Once a process: a connection is read for every wait.
    if unknown:
        log.warning(
            "Connection %s: these keys of extra mean nothing here: %s", quoted(conn_id), shown(", ".join(unknown))
        )
