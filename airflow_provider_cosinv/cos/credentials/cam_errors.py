# SPDX-License-Identifier: Apache-2.0
"""Why a source issued no credentials, told in words: the source is named, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from airflow_provider_cosinv.cos.credentials.provider import PARAMETER, CredentialSource
from airflow_provider_cosinv.cos.network.errors import describe_fault
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)

_E = TypeVar("_E", bound=COSInventoryError)
_MESSAGE_LIMIT = 500

# By the first part of the library's or STS's code (1150/49456, 1150/49452); the others are refusals.
_CLASSES: dict[str, type[COSInventoryError]] = {
    "ClientNetworkError": COSInventoryTransientError,
    "ServerNetworkError": COSInventoryTransientError,
    "InternalError": COSInventoryTransientError,
    "ServiceUnavailable": COSInventoryTransientError,
    "RequestLimitExceeded": COSInventoryThrottledError,
    "LimitExceeded": COSInventoryThrottledError,
    "AuthFailure": COSInventoryPermissionError,
    "UnauthorizedOperation": COSInventoryPermissionError,
    "OperationDenied": COSInventoryPermissionError,
    "InvalidCredential": COSInventoryConfigurationError,
    "InvalidParameter": COSInventoryConfigurationError,
    "InvalidParameterValue": COSInventoryConfigurationError,
    "MissingParameter": COSInventoryConfigurationError,
    "ResourceNotFound": COSInventoryConfigurationError,
}


def refused(source: CredentialSource, error: Any) -> COSInventoryError:
    """
    Return the error for what the library raised.

    :param error: a ``TencentCloudSDKException``
    """
    code = str(error.get_code())
    if code == "ClientNetworkError":
        cause = error.__context__ or error
        return cause if isinstance(cause, COSInventoryError) else no_answer(source, cause)
    cls = _CLASSES.get(code.partition(".")[0], COSInventoryRequestError)
    if code == "ServerNetworkError":
        # Its message is the body of the answer, whatever that is.
        return _error(cls, source, "what answered is out of order, or not STS")
    details = {"code": code, "request_id": error.get_request_id() or None}
    return _error(cls, source, str(error.get_message())[:_MESSAGE_LIMIT].rstrip("."), **details)


def no_answer(source: CredentialSource, error: BaseException) -> COSInventoryTransientError:
    """Return the error for a fault on the way to the source."""
    what, _ = describe_fault(error, timeout=source.timeout)
    return _error(COSInventoryTransientError, source, f"no answer: {what} ({type(error).__name__})")


def not_set_up(source: CredentialSource, what: str) -> COSInventoryConfigurationError:
    """Return the error for a source that is not there."""
    return _error(COSInventoryConfigurationError, source, what)


def metadata_refused(source: CredentialSource, status: int) -> COSInventoryError:
    """Return the error for an answer of the metadata service other than 200."""
    if status == HTTPStatus.NOT_FOUND:
        return _error(COSInventoryConfigurationError, source, "no role is bound to this machine", status=status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _error(COSInventoryTransientError, source, "the metadata service is out of order", status=status)
    return _error(COSInventoryPermissionError, source, "the metadata service refuses", status=status)


def metadata_failed(source: CredentialSource, code: str) -> COSInventoryError:
    """Return the error for a document of the metadata service without credentials."""
    return _error(COSInventoryPermissionError, source, "the metadata service issues nothing", code=code)


def redirected(source: CredentialSource, status: int) -> COSInventoryRequestError:
    """Return the error for an answer that leads elsewhere, where nothing that was sent belongs."""
    what = "what answered redirects to another address, which is not followed; it may be a proxy that asks for a login"
    return _error(COSInventoryRequestError, source, what, status=status)


def unreadable(source: CredentialSource) -> COSInventoryRequestError:
    """Return the error for an answer that is not what it should be."""
    return _error(COSInventoryRequestError, source, "its answer cannot be read; what answered may be a proxy")


def unusable(source: CredentialSource, error: COSInventoryConfigurationError) -> COSInventoryConfigurationError:
    """Return the error for credentials that cannot be credentials."""
    return _error(COSInventoryConfigurationError, source, error.message.rstrip("."))


def ended_already(source: CredentialSource) -> COSInventoryPermissionError:
    """Return the error for credentials that ended before they were issued."""
    return COSInventoryPermissionError(
        f"The source of the connection's credentials, {source}, issued credentials that had already expired.",
        parameter=PARAMETER,
        hint="Set the clock of this machine.",
    )


def _error(cls: type[_E], source: CredentialSource, what: str, **details: Any) -> _E:
    return cls(
        f"The source of the connection's credentials, {source}, issued none: {what}.",
        parameter=PARAMETER,
        hint=source.what_to_do,
        **details,
    )
