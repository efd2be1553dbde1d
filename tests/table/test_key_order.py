# SPDX-License-Identifier: Apache-2.0
"""What is found to be in order lists nothing twice, and a listing in the order of its keys is found to be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.table.csv.key_order import FileOrder, Identities
from airflow_provider_cosinv.table.parquet.origin import Span, are_in_order

Row: TypeAlias = "tuple[str, str | None]"
Rows: TypeAlias = Sequence[Row]


def span_of(blocks: Sequence[Rows], *, has_versions: bool = True) -> Span | None:
    """The span of a file that is read block by block."""
    order = FileOrder()
    for block in blocks:
        keys, versions = ([row[place] for row in block] for place in (0, 1))
        order.add(Identities(pa.array(keys, pa.string()), pa.array(versions, pa.string()) if has_versions else None))
    return order.span


def cut(rows: Rows, places: Sequence[int]) -> list[Rows]:
    edges = [0, *sorted(place % (len(rows) + 1) for place in places), len(rows)]
    return [rows[start:end] for start, end in pairwise(edges)]


_rows = st.lists(
    st.tuples(st.sampled_from(["a", "a b", "a~", "ab", "图"]), st.sampled_from([None, "1", "2", "3", "4"])), max_size=9
)
_places = st.lists(st.integers(0, 9), max_size=4)


@given(rows=_rows, files=_places, blocks=_places)
def test_files_in_order_list_nothing_twice(rows: Rows, files: list[int], blocks: list[int]) -> None:
    spans = [span_of(cut(file, blocks)) for file in cut(rows, files)]
    if are_in_order(spans):
        assert len(set(rows)) == len(rows)


@given(rows=_rows, files=_places, blocks=_places)
def test_a_listing_by_key_is_in_order_however_it_is_cut(rows: Rows, files: list[int], blocks: list[int]) -> None:
    listing = sorted(set(rows), key=lambda row: row[0].encode())
    spans = [span_of(cut(file, blocks)) for file in cut(listing, files)]
    assert are_in_order(reversed(spans))
    alone: list[Row] = [(key, None) for key in sorted({row[0] for row in rows})]
    assert are_in_order(span_of(cut(file, blocks), has_versions=False) for file in cut(alone, files))


@pytest.mark.parametrize(
    "files",
    [
        [["a", "a"]],
        [["b", "a"]],
        [["a", "b"], ["b", "c"]],
        [["a", "c"], ["b", "d"]],
        [["a"], ["a"]],
        [["a", "z"], ["b"], ["c"]],
    ],
    ids=["twice", "back", "at an edge", "overlapping", "alone", "within"],
)
def test_keys_that_may_be_there_twice_are_not_in_order(files: list[list[str]]) -> None:
    spans = [span_of([[(key, None) for key in file]], has_versions=False) for file in files]
    assert not are_in_order(spans)


def test_a_key_of_too_many_versions_has_no_known_order() -> None:
    assert span_of([[("a", str(number)) for number in range(200)]]) is not None
    assert span_of([[("a", str(number)) for number in range(201)]]) is None
