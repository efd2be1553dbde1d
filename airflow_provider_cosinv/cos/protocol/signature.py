# SPDX-License-Identifier: Apache-2.0
"""The signature of a request (436/7778), for the async half. The sync half signs through the SDK."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha1
from urllib.parse import quote

from airflow_provider_cosinv.cos.credentials.keys import Credentials

_UNRESERVED = "-_.~"
# What the SDK signs, beside x-cos-*: what a proxy does not rewrite.
_SIGNED_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-md5",
        "content-type",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "origin",
        "pic-operations",
        "range",
        "transfer-encoding",
    }
)
_SIGNED_PREFIXES = ("x-cos-", "x-ci-")

# Seconds. A signature is valid from a minute ago, because clocks differ, to an hour ahead; its key is made anew
# long before COS would call the start of the validity skewed (15 minutes).
_BEFORE = 60
_AFTER = 3600
_RENEW = 600


def signing_key(secret_key: str, key_time: str) -> str:
    """Return the hex text that signs for a validity ``start;end`` in Unix seconds."""
    return hmac.new(secret_key.encode(), key_time.encode(), sha1).hexdigest()


def signature_of(
    sign_key: str,
    key_time: str,
    *,
    method: str,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
) -> tuple[str, str, str]:
    """
    Sign one request.

    :param path: not encoded, from :func:`airflow_provider_cosinv.cos.protocol.endpoint.signed_path`
    :param params: every query parameter, not encoded
    :param headers: those to sign, ``host`` among them
    :return: header list, parameter list and signature
    """
    header_list, header_text = _canonical(headers)
    param_list, param_text = _canonical(params)
    http_string = f"{method.lower()}\n{path}\n{param_text}\n{header_text}\n"
    digest = sha1(http_string.encode(), usedforsecurity=False).hexdigest()
    to_sign = f"sha1\n{key_time}\n{digest}\n"
    return header_list, param_list, hmac.new(sign_key.encode(), to_sign.encode(), sha1).hexdigest()


class Signer:
    """
    Signs requests with one set of credentials, and keeps the signing key: a wait signs at every poll.

    :param credentials: the identity that signs
    :param clock: returns Unix seconds
    """

    def __init__(self, *, credentials: Credentials, clock: Callable[[], float] = time.time) -> None:
        self.credentials = credentials
        self._clock = clock
        self._made: int | None = None
        self._key_time = ""
        self._sign_key = ""

    def authorization(self, *, method: str, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """
        Return the value of the ``Authorization`` header.

        :param method: of the request
        :param path: not encoded
        :param params: every query parameter, not encoded
        :param headers: every header of the request; those that can be signed are
        """
        self._renew()
        header_list, param_list, signature = signature_of(
            self._sign_key,
            self._key_time,
            method=method,
            path=path,
            params=params,
            headers={name: value for name, value in headers.items() if _is_signed(name.lower())},
        )
        return (
            f"q-sign-algorithm=sha1&q-ak={self.credentials.secret_id}"
            f"&q-sign-time={self._key_time}&q-key-time={self._key_time}"
            f"&q-header-list={header_list}&q-url-param-list={param_list}&q-signature={signature}"
        )

    def _renew(self) -> None:
        now = int(self._clock())
        # Also where the clock was set back: a key from the future is not valid yet.
        if self._made is not None and 0 <= now - self._made < _RENEW:
            return
        self._made = now
        self._key_time = f"{now - _BEFORE};{now + _AFTER}"
        self._sign_key = signing_key(self.credentials.secret_key, self._key_time)


def _is_signed(name: str) -> bool:
    return name in _SIGNED_HEADERS or name.startswith(_SIGNED_PREFIXES)


def _canonical(pairs: Mapping[str, str]) -> tuple[str, str]:
    encoded = sorted((quote(name, _UNRESERVED).lower(), quote(value, _UNRESERVED)) for name, value in pairs.items())
    return ";".join(name for name, _ in encoded), "&".join(f"{name}={value}" for name, value in encoded)
