# SPDX-License-Identifier: Apache-2.0
"""A column of keys is decoded as the record reader decodes each of them, or not at all."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.rows.records import decode_key
from airflow_provider_cosinv.table.csv.arrow_keys import decoded_keys


def decoded(keys: list[str]) -> list[str] | None:
    found = decoded_keys(pa.array(keys, pa.string()))
    return None if found is None else found.to_pylist()


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1), st.sampled_from(["", "/", "/+=&,"]))
def test_what_is_encoded_is_decoded(keys: list[str], safe: str) -> None:
    assert decoded([quote(key, safe=safe) for key in keys]) == keys


@given(st.lists(st.text(st.sampled_from("aF0%8E6清"), min_size=1, max_size=8), min_size=1, max_size=4))
def test_what_is_decoded_is_what_the_record_reader_decodes(keys: list[str]) -> None:
    found = decoded(keys)
    if found is not None:
        assert found == [decode_key(key) for key in keys]


@pytest.mark.parametrize(
    "keys",
    [
        ["%"],
        ["%4"],
        ["a%4", "1"],
        ["%zz"],
        ["%%41"],
        ["%E6%B8"],
        ["%E6%B8", "%85"],
        ["%FF"],
        ["a", "%C3", "%A9"],
        ["x%"],
    ],
)
def test_what_the_record_reader_refuses_is_not_decoded(keys: list[str]) -> None:
    assert decoded(keys) is None


def test_a_piece_of_a_longer_column_is_decoded() -> None:
    whole = pa.array(["%41", "b%2Fc", "%E6%B8%85", "d"], pa.string())

    for start in range(4):
        found = decoded_keys(whole.slice(start, 2))
        assert found is not None
        assert found.to_pylist() == ["A", "b/c", "清", "d"][start : start + 2]
