# SPDX-License-Identifier: Apache-2.0
"""
Whether a report is in the order of its keys: then it lists no object twice, and rows can be counted as objects.

COS lists while objects change, and nothing says that it lists each of them once. To group a billion identities (Key,
VersionId) is dear; to compare each key with the one before it is not. Comes with the extra ``table``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_provider_cosinv.table.parquet.origin import Span

# Versions of the first or last key of a file, at most: they are kept, and stand in a part's metadata.
_MOST_VERSIONS = 200


class Identities(NamedTuple):
    """
    What the rows of a block are known by.

    :param keys: decoded
    :param versions: of the keys; None where the report lists none
    """

    keys: pa.StringArray
    versions: pa.StringArray | None


class FileOrder:
    """The order of one data file, told block by block."""

    def __init__(self) -> None:
        self._ascends = True
        self._first: str | None = None
        self._first_versions: set[str] = set()
        self._last = ""
        self._last_versions: set[str] = set()

    def add(self, rows: Identities) -> None:
        """Go on to the next rows."""
        if not self._ascends or not len(rows.keys):
            return
        ties = _ties(rows)
        if ties is None:
            self._ascends = False
            return
        count = len(rows.keys)
        first, last = rows.keys[0].as_py(), rows.keys[count - 1].as_py()
        tied = ties.tolist()
        leading = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], enumerate(tied)))
        trailing = sum(1 for _ in takewhile(lambda pair: pair[0] == count - 2 - pair[1], enumerate(reversed(tied))))
        head = _versions(rows, range(leading + 1))
        if self._first is None:
            self._first, self._first_versions = first, set(head)
        elif first < self._last or (first == self._last and head & self._last_versions):
            self._ascends = False
            return
        elif first == self._first:
            self._first_versions |= head
        if first == last == self._last:
            self._last_versions |= head
        else:
            self._last, self._last_versions = last, _versions(rows, range(count - 1 - trailing, count))
        self._ascends = max(len(self._first_versions), len(self._last_versions)) <= _MOST_VERSIONS

    @property
    def span(self) -> Span | None:
        """From which identities to which the file goes; None where it is not in order."""
        if not self._ascends:
            return None
        if self._first is None:
            return Span.of_nothing()
        return Span(self._first, tuple(self._first_versions), self._last, tuple(self._last_versions))


def _ties(rows: Identities) -> NDArray[np.uint64] | None:
    """Return the places of the rows whose successor has the same key; None where rows are out of order, or repeated."""
    keys, versions = rows
    ascends = pc.less(keys[:-1], keys[1:])
    if pc.all(ascends, min_count=0).as_py():
        return np.empty(0, np.uint64)
    before = pc.indices_nonzero(pc.invert(ascends))
    ties = np.frombuffer(before.buffers()[1], np.uint64)[: len(before)]
    # Made of bytes: pyarrow may import pandas, which takes a second, to convert another value to an array or scalar.
    after = pa.Array.from_buffers(pa.uint64(), len(ties), [None, pa.py_buffer(ties + np.uint64(1))])
    if versions is None or not pc.all(pc.equal(keys.take(before), keys.take(after))).as_py():
        return None
    first, second = versions.take(before), versions.take(after)
    are_empty = pc.and_(pc.is_null(first), pc.is_null(second))
    if any(pc.any(same, min_count=0).as_py() for same in (pc.equal(first, second), are_empty)):
        return None
    return ties if _are_distinct(versions, ties.tolist()) else None


def _are_distinct(versions: pa.StringArray, ties: Sequence[int]) -> bool:
    """Return whether the versions of each key that has three or more differ; neighbours are known to."""
    seen: set[str] = set()
    previous = -1
    for place, following in zip(ties, [*ties[1:], -1], strict=True):
        is_longer = previous == place - 1 and bool(seen)
        if is_longer or following == place + 1:
            if not is_longer:
                seen = {versions[place].as_py()}
            version = versions[place + 1].as_py()
            if version in seen:
                return False
            seen.add(version)
        else:
            seen = set()
        previous = place
    return True


def _versions(rows: Identities, places: range) -> set[str]:
    if rows.versions is None:
        return {""}
    return {rows.versions[place].as_py() or "" for place in places}
