# SPDX-License-Identifier: Apache-2.0
"""
The signature of a request, checked as the service checks it (436/7778).

Only headers and parameters that the signature names are covered; the client decides which. The signature comes in
the ``Authorization`` header or as query parameters (a pre-signed URL).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.hosts import without_port

_FIELDS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)
_PERIOD = re.compile(r"([0-9]{1,12});([0-9]{1,12})")

#: Clocks may differ by 15 minutes.
SKEW_LIMIT = 900


@dataclass(frozen=True)
class Signature:
    """The seven parts of a signature, as sent."""

    secret_id: str
    sign_time: str
    key_time: str
    header_list: tuple[str, ...]
    param_list: tuple[str, ...]
    value: str


def find_signature(headers: Mapping[str, str], query: Iterable[tuple[str, str]]) -> Signature | None:
    """
    Return the signature that a request carries, or None where it carries none.

    :param headers: names in lower case
    :param query: the decoded query parameters
    :raises COSError: where there is one that cannot be read
    """
    params = dict(query)
    authorization = headers.get("authorization", "").strip() or params.get("sign", "")
    if authorization:
        fields = dict(part.partition("=")[::2] for part in authorization.split("&"))
        fields = {name: unquote(value) for name, value in fields.items()}
    elif "q-signature" in params:
        fields = params
    else:
        return None
    missing = [name for name in _FIELDS if name not in fields]
    if missing:
        raise COSError("InvalidArgument", f"Authorization lacks {missing[0]}.", status=400)
    if fields["q-sign-algorithm"] != "sha1":
        raise COSError("InvalidArgument", "q-sign-algorithm must be sha1.", status=400)
    return Signature(
        secret_id=fields["q-ak"],
        sign_time=fields["q-sign-time"],
        key_time=fields["q-key-time"],
        header_list=_names(fields["q-header-list"]),
        param_list=_names(fields["q-url-param-list"]),
        value=fields["q-signature"],
    )


def check_times(signature: Signature, *, now: float, date: str | None) -> None:
    """
    Check that a signature is valid now.

    :param now: the server's time, Unix seconds
    :param date: the request's Date header
    :raises COSError: ``RequestTimeTooSkewed``, or ``AccessDenied`` with "Request has expired"
    """
    for period in {signature.sign_time, signature.key_time}:
        match = _PERIOD.fullmatch(period)
        if not match or int(match[1]) > int(match[2]):
            raise COSError("InvalidArgument", f"{period!r} is not a signature's period.", status=400)
        if now < int(match[1]) - SKEW_LIMIT:
            raise COSError("RequestTimeTooSkewed")
        if now > int(match[2]):
            # The trouble-shooting page for 403 shows this text under AccessDenied.
            raise COSError("AccessDenied", "Request has expired")
    if date:
        try:
            sent = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            raise COSError("InvalidArgument", "The Date header is not a date.", status=400) from None
        if abs(now - sent) > SKEW_LIMIT:
            raise COSError("RequestTimeTooSkewed")


def check_signature(
    signature: Signature,
    *,
    secret_key: str,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
) -> None:
    """
    Check that a signature was made with a secret key for this request.

    :param path: decoded
    :param query: decoded
    :param headers: names in lower case
    :raises COSError: ``SignatureDoesNotMatch``
    """
    params = {_encode(name).lower(): _encode(value) for name, value in query}
    sent = {_encode(name).lower(): value.strip() for name, value in headers.items()}
    names_known = all(name in params for name in signature.param_list)
    names_known = names_known and all(name in sent for name in signature.header_list)
    # Some clients sign the host without the port that they send.
    hosts = {headers.get("host", "").strip(), without_port(headers.get("host", ""))}
    for host in hosts if names_known else ():
        values = {**sent, "host": host}
        expected = sign(
            secret_key,
            method=method,
            path=path,
            params={name: params[name] for name in signature.param_list},
            headers={name: _encode(values[name]) for name in signature.header_list},
            sign_time=signature.sign_time,
            key_time=signature.key_time,
        )
        if hmac.compare_digest(expected.encode(), signature.value.encode()):
            return
    raise COSError("SignatureDoesNotMatch")


def sign(
    secret_key: str,
    *,
    method: str,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    sign_time: str,
    key_time: str,
) -> str:
    """
    Return the signature's value.

    :param path: decoded
    :param params: encoded, names in lower case
    :param headers: encoded, names in lower case
    """
    sign_key = _hmac(secret_key, key_time)
    http_string = f"{method.lower()}\n{path}\n{_joined(params)}\n{_joined(headers)}\n"
    digest = hashlib.sha1(http_string.encode("utf-8", "surrogateescape")).hexdigest()  # noqa: S324  COS's choice
    return _hmac(sign_key, f"sha1\n{sign_time}\n{digest}\n")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in text.split(";") if name)


def _encode(value: str) -> str:
    return quote(value, safe="-_.~", errors="surrogateescape")


def _joined(values: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(values.items()))


def _hmac(key: str, message: str) -> str:
    return hmac.new(key.encode(), message.encode(), hashlib.sha1).hexdigest()
