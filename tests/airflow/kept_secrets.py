# SPDX-License-Identifier: Apache-2.0
"""The secrets of these tests' connections, and the check that none of them was written down."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

SECRET_KEY = "a-secret-key-that-nobody-may-print"
TEMPORARY_KEY = "another-key-that-nobody-may-print"
TOKEN = "a-token-that-nobody-may-print"

WORDS = (SECRET_KEY, TEMPORARY_KEY, TOKEN, "q-signature", "q-sign-time", "q-key-time")
# Seconds, of the signatures of the asynchronous half and of the SDK.
VALIDITIES = (60 + 3600, 60 + 10_000)


def signing_keys(since: datetime) -> set[bytes]:
    """Each signing key that may have been in use since then, as the hex text that it is."""
    return {
        hmac.new(key.encode(), f"{start};{start + validity}".encode(), hashlib.sha1).hexdigest().encode()
        for key in (SECRET_KEY, TEMPORARY_KEY)
        for start in range(int(since.timestamp()) - 60, int(time.time()))
        for validity in VALIDITIES
    }


def assert_no_secret(places: Mapping[Path, bytes] | Mapping[str, bytes], *, since: datetime) -> None:
    """
    No secret is in any of these, nor a signing key.

    :param places: what was written, by where it is
    :param since: when the first of it was written
    """
    keys = signing_keys(since)
    for place, data in places.items():
        found = keys.intersection(re.findall(rb"[0-9a-f]{40}", data))
        words = {word for word in WORDS if word.encode() in data}
        assert (found, words) == (set(), set()), place


def files_below(folder: Path) -> dict[Path, bytes]:
    """Every file in a folder and its folders, with what is in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
