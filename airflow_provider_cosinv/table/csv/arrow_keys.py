# SPDX-License-Identifier: Apache-2.0
"""Percent-decoding of a column of keys at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from airflow_provider_cosinv.inventory.rows.records import ESCAPED_PLUS, PlusForms

_PERCENT, _PLUS = ord("%"), ord("+")
_ASCII = 127
# The bits by which a byte of UTF-8 that begins no character is known.
_TOP_BITS, _CONTINUES = 0xC0, 0x80
# Of a byte that is no digit.
_NO_DIGIT = 16
_DIGITS = np.full(256, _NO_DIGIT, np.uint8)
for _value, _digit in enumerate("0123456789ABCDEF"):
    _DIGITS[[ord(_digit), ord(_digit.lower())]] = _value


def plus_forms_of(texts: pa.StringArray, *, known: PlusForms) -> tuple[bool, bool]:
    """
    Return whether a key has ``+``, and whether one has ``%2B``.

    :param texts: as a data file has them, none of them null
    :param known: what is known already is not looked for
    """
    text, _ = _bytes_of(texts)
    has_plus = known.has_plus or bool((text == _PLUS).any())
    if known.has_escaped_plus:
        return has_plus, True
    data = text.tobytes()
    return has_plus, _PERCENT in data and any(form.encode() in data for form in ESCAPED_PLUS)


def decoded_keys(texts: pa.StringArray) -> pa.StringArray | None:
    """
    Return keys as the objects have them, as ``records.decode_key`` does.

    :param texts: as a data file has them, none of them null
    :return: None where a ``%`` begins no escape, or the bytes of a key are not UTF-8
    """
    text, ends = _bytes_of(texts)
    escapes = np.flatnonzero(text == _PERCENT)
    if not len(escapes):
        return texts
    # An escape lies within its key.
    if (ends[np.searchsorted(ends, escapes, side="right")] < escapes + len("%00")).any():
        return None
    high, low = _DIGITS[text[escapes + 1]], _DIGITS[text[escapes + 2]]
    if max(high.max(), low.max()) == _NO_DIGIT:
        return None
    bytes_ = text.copy()
    bytes_[escapes] = high * 16 + low
    kept = np.ones(len(text), np.bool_)
    kept[escapes + 1] = False
    kept[escapes + 2] = False
    bytes_ = bytes_[kept]
    ends = (ends - 2 * np.searchsorted(escapes, ends)).astype(np.int32)
    if bytes_.max() > _ASCII:
        try:
            bytes_.tobytes().decode()
        except UnicodeDecodeError:
            return None
        # All are UTF-8 together; each is where each begins with a character.
        if (bytes_[ends[:-1]] & _TOP_BITS == _CONTINUES).any():
            return None
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(bytes_))


def _bytes_of(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return the bytes of some texts, one behind the other, and where each of them begins and ends."""
    _, places, buffer = texts.buffers()
    ends = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(buffer, np.uint8)[ends[0] : ends[-1]], ends - ends[0]
