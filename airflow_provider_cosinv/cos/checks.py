# SPDX-License-Identifier: Apache-2.0
"""Checks that the settings of a client and of a credentials provider share."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

SCHEMES = ("http", "https")
#: Characters that a header or a URL may have.
PRINTABLE = re.compile(r"[!-~]+")


def refuse(parameter: str, message: str, hint: str) -> COSInventoryConfigurationError:
    """Return the error for a value that cannot be used."""
    return COSInventoryConfigurationError(message, parameter=parameter, hint=hint)


def check_endpoint_url(url: str, *, parameter: str = "endpoint_url") -> None:
    """
    Check an address to connect to: scheme, host and port, and nothing else.

    :raises COSInventoryConfigurationError: where it is something else
    """
    hint = "Write scheme, host and port only, such as http://127.0.0.1:9000."
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise refuse(parameter, f"The {parameter} is not a URL.", hint) from None
    if parts.username is not None or parts.password is not None:
        raise refuse(parameter, f"The {parameter} holds a user name or password.", hint)
    if (
        parts.scheme not in SCHEMES
        or not parts.hostname
        or not port_is_valid
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or not PRINTABLE.fullmatch(url)
    ):
        raise refuse(parameter, f"{quoted(url)} is not an address to connect to.", hint)
