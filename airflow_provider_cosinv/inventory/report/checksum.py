# SPDX-License-Identifier: Apache-2.0
"""MD5 checksums as COS states them."""

from __future__ import annotations

import base64
import binascii
import re

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

_HEX = re.compile(r"[0-9a-f]{32}")
_MD5_BYTES = 16


def parse_checksum(text: str) -> str | None:
    """
    Return a stated MD5 as 32 lower-case hex digits; None where the text states none.

    The spelling is not documented (436/30622), so every usual one is taken.

    :param text: hex or base64; any case of hex, white space or quotes around it allowed
    """
    stated = text.strip().strip('"')
    if _HEX.fullmatch(stated.lower()):
        return stated.lower()
    try:
        digest = base64.b64decode(stated, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == _MD5_BYTES else None


def check_checksum(checksum: str) -> str:
    """
    Return the MD5 that a caller gives, as 32 lower-case hex digits.

    :param checksum: in a spelling that :func:`parse_checksum` reads, such as the text of ``manifest.checksum``
    :raises COSInventoryConfigurationError: where it is no MD5
    """
    found = parse_checksum(checksum) if isinstance(checksum, str) else None
    if found is None:
        raise COSInventoryConfigurationError(
            f"{quoted(checksum)} is no MD5.",
            parameter="checksum",
            hint="Give the text of manifest.checksum, or the checksum of a Manifest: 32 hex digits.",
        )
    return found
