# SPDX-License-Identifier: Apache-2.0
"""CRC64 as COS computes it for ``x-cos-hash-crc64ecma`` (436/40334)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

_POLYNOMIAL = 0x142F0E1EBA9EA3693
_ALL_ONES = 0xFFFFFFFFFFFFFFFF


@cache
def _function() -> Callable[[bytes, int], int]:
    # Comes with the SDK; imported here because most of what the emulator does needs no CRC.
    from crcmod import mkCrcFun

    made = mkCrcFun(_POLYNOMIAL, initCrc=0, xorOut=_ALL_ONES, rev=True)
    return cast("Callable[[bytes, int], int]", made)


def crc64(data: bytes, value: int = 0) -> int:
    """Return the CRC64 of some bytes, going on from the CRC64 of those before them."""
    return _function()(data, value)
