# SPDX-License-Identifier: Apache-2.0
"""
Percent-decoding for pyarrow, which has none: a whole column at a time with numpy.

It is the fastest way that needs nothing compiled, some ten times as fast as ``urllib``. It trusts the escapes: what
is none, or is no UTF-8 when decoded, goes unnoticed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

numpy = import_module("numpy")
pyarrow = import_module("pyarrow")

_VALUES = numpy.zeros(256, numpy.uint8)
for _digit, _text in enumerate("0123456789ABCDEF"):
    _VALUES[[ord(_text), ord(_text.lower())]] = _digit


def percent_decoded(texts: Any) -> Any:
    """Return an array of strings, decoded."""
    count = len(texts)
    nulls, places, buffer = texts.buffers()
    if buffer is None:
        return texts
    offsets = numpy.frombuffer(places, numpy.int32)[texts.offset : texts.offset + count + 1]
    data = numpy.frombuffer(buffer, numpy.uint8)[: offsets[-1]]
    escapes = numpy.flatnonzero(data == ord("%"))
    if not len(escapes):
        return texts
    decoded = data.copy()
    decoded[escapes] = _VALUES[data[escapes + 1]] * 16 + _VALUES[data[escapes + 2]]
    kept = numpy.ones(len(data), bool)
    kept[escapes + 1] = False
    kept[escapes + 2] = False
    offsets = (offsets - 2 * numpy.searchsorted(escapes, offsets)).astype(numpy.int32)
    if texts.offset and texts.null_count:
        nulls = pyarrow.array(texts.is_valid()).buffers()[1]
    return pyarrow.Array.from_buffers(
        texts.type, count, [nulls, pyarrow.py_buffer(offsets), pyarrow.py_buffer(decoded[kept])]
    )
