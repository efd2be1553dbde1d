# SPDX-License-Identifier: Apache-2.0
"""What a trigger yields can be carried by Airflow, whatever it was made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryError, encodable
from tests.support.encoding import carry

carriable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=5,
)
anything = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.binary(max_size=5)
    | st.text(st.characters(), max_size=20)
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(st.characters()), inner),
    max_leaves=20,
)


@given(anything)
def test_airflow_can_carry_any_value_that_was_made_encodable(value: Any) -> None:
    carry(encodable({"value": value}))


@given(carriable)
def test_encodable_leaves_a_value_that_airflow_can_carry(value: Any) -> None:
    assert encodable(value, levels=10) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**63, "0x8000000000000000"),
        (-(2**63) - 1, "-0x8000000000000001"),
        (float("nan"), "nan"),
        ("a\ud800\0", r"a\ud800\u0000"),
        ("x" * 5000, "x" * 4000),
        (10**5000, hex(10**5000)[:4000]),
        ({7: {1}}, {"7": "<set>"}),
        (list(range(2000)), list(range(1000))),
    ],
    ids=["over 63 bits", "under 63 bits", "NaN", "no Unicode", "long", "5,000 digits", "other types", "many"],
)
def test_encodable_replaces_what_airflow_cannot_carry(value: Any, expected: Any) -> None:
    assert encodable(value) == expected


def test_error_as_dict_can_be_carried_whatever_its_numbers_are() -> None:
    carry(COSInventoryError("x", status=10**30, line=2**64).as_dict())
