# SPDX-License-Identifier: Apache-2.0
"""Faults on the way to COS, told in words: what failed, and what to do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_cosinv.cos.network.pace import SlowAnswerError
from airflow_provider_cosinv.cos.protocol.endpoint import request_host
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryTransientError

_CHECK_NETWORK = "Check the network to COS."
# Attribute that marks a slow answer: our errors do not keep the library's error as their cause.
_SLOW = "cosinv_slow"


@dataclass(frozen=True, kw_only=True)
class _Fault:
    what: str
    hint: str
    types: tuple[type[BaseException], ...] = ()
    # Of classes of the HTTP libraries, which are not imported here.
    names: tuple[str, ...] = ()
    # The attribute that tells more; a library's own class of the same fault may not have it.
    detail: str = ""


# The most telling first: a proxy's fault has one of the others as its cause.
_FAULTS = (
    _Fault(
        types=(SlowAnswerError,),
        what="its bytes came too slowly",
        hint="Check the network to COS, and the gateway or proxy between, or raise timeout in the connection.",
    ),
    _Fault(
        names=("ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError"),
        what="the proxy failed",
        hint="Check proxies of the connection, or HTTPS_PROXY and NO_PROXY of the environment.",
    ),
    _Fault(
        types=(socket.gaierror,),
        what="the host name cannot be resolved",
        hint="Check region, domain suffix, internal and endpoint_url of the connection, and this machine's DNS.",
    ),
    _Fault(
        types=(ssl.SSLCertVerificationError,),
        detail="verify_message",
        what="its certificate was not accepted",
        hint="Set verify_ssl to the path of the CA certificate that signed it, or correct endpoint_url.",
    ),
    _Fault(
        types=(ssl.SSLError,),
        detail="reason",
        what="TLS failed",
        hint="Check that the endpoint speaks TLS, and the proxy between.",
    ),
    _Fault(
        types=(ConnectionRefusedError,),
        what="connection refused",
        hint="Check endpoint_url and whether something listens there.",
    ),
    _Fault(
        # asyncio.TimeoutError is a class of its own on Python 3.10.
        types=(TimeoutError, asyncio.TimeoutError),
        names=("ConnectTimeoutError", "ReadTimeoutError"),
        what="nothing came within {timeout:g} seconds",
        hint="Check the network to COS, or raise timeout in the connection.",
    ),
    _Fault(types=(ConnectionResetError,), what="the connection was reset", hint=_CHECK_NETWORK),
)


def network_error(error: BaseException, request: COSRequest, settings: ClientSettings) -> COSInventoryTransientError:
    """
    Return our error for a fault on the way.

    The text is composed from classes and operating system texts. The libraries' own texts would bring URLs along,
    that of a proxy with its password among them.

    :param error: as the HTTP library raised it
    """
    what, hint = describe_fault(error, timeout=settings.timeout)
    told = COSInventoryTransientError(
        f"{request.operation.title} got no answer from {connects_to(settings, request.bucket)}: "
        f"{what} ({type(error).__name__}).",
        bucket=request.bucket,
        key=request.key,
        hint=hint,
    )
    if was_slow(error):
        setattr(told, _SLOW, True)
    return told


def was_slow(error: BaseException) -> bool:
    """Return whether an error says that an answer came too slowly: another try costs as much time again."""
    return any(isinstance(cause, SlowAnswerError) or hasattr(cause, _SLOW) for cause in causes(error))


def connects_to(settings: ClientSettings, bucket: str | None) -> str:
    """Return host, and port where there is one, that requests for a bucket, or for the account, go to."""
    return urlsplit(settings.endpoint_url).netloc if settings.endpoint_url else request_host(settings, bucket)


def causes(error: BaseException) -> Iterator[BaseException]:
    """
    Yield an error and everything it wraps, however the libraries wrap it.

    Not by ``__context__``: that leads on to what a caller was handling when it called, which is another story.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        # urllib3 keeps the cause as .reason, requests as an argument.
        waiting += [found.__cause__, getattr(found, "reason", None), *found.args]


def describe_fault(error: BaseException, *, timeout: float) -> tuple[str, str]:
    """
    Return what happened and what to do about it, from the most telling cause.

    :param error: as the HTTP library raised it
    :param timeout: seconds that were waited at most, for the text
    """
    found = list(causes(error))
    for fault in _FAULTS:
        for cause in found:
            if isinstance(cause, fault.types) or type(cause).__name__ in fault.names:
                told = [text for other in found if isinstance(text := getattr(other, fault.detail, None), str)]
                what = fault.what.format(timeout=timeout)
                return ", ".join([what, *told[:1]]), fault.hint
    for cause in found:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror, _CHECK_NETWORK
    return "the connection ended", _CHECK_NETWORK
