# SPDX-License-Identifier: Apache-2.0
"""A document is read as json.loads reads it, however its bytes are cut, but for what no manifest needs."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.report.json_members import LONGEST_VALUE, JSONMembers
from tests.inventory.strategies import damaged, json_values

documents = st.dictionaries(st.text(max_size=5), json_values, max_size=5)


def read(body: bytes, *, piece: int = 7, array: str = "files") -> dict[str, Any]:
    document = JSONMembers(body[start : start + piece] for start in range(0, len(body), piece))
    found: dict[str, Any] = {}
    for name in document.members():
        is_array = name == array and document.begins_array()
        found[name] = list(document.entries()) if is_array else document.value()
    return found


@given(
    document=documents, files=st.lists(json_values, max_size=4), piece=st.integers(1, 50), indent=st.none() | st.just(2)
)
def test_document_is_read_as_json_loads_reads_it(document: Any, files: Any, piece: int, indent: int | None) -> None:
    text = json.dumps({**document, "files": files}, indent=indent)
    if "NaN" in text or "Infinity" in text:
        text = "{}"

    assert read(text.encode(), piece=piece) == json.loads(text)


@given(damaged(b'{"a": "\\u00e9", "files": [1, {"k": [2.5e3]}, "x"], "b": -1} '))
def test_damaged_document_is_read_alike_or_refused(body: bytes) -> None:
    try:
        expected = json.loads(body)
    except ValueError:
        expected = None
    try:
        found = read(body)
    except ValueError:
        found = None
    # A byte order mark, and twice one name, are all that json.loads reads in another way.
    assert found == (expected if isinstance(expected, dict) else None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"7",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,}',
        b'{"a":1 "b":2}',
        b"{1:2}",
        b'{"a":1}x',
        b"{,}",
    ],
    ids=repr,
)
def test_document_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(body)


@pytest.mark.parametrize(
    "value", [b"NaN", b"-Infinity", b"[" * 100_000, b"\xff"], ids=["NaN", "infinite", "deep", "no UTF-8"]
)
def test_value_that_is_no_json_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(b'{"a":' + value + b"}")


@pytest.mark.parametrize(
    "value", [b'"%s"' % (b"x" * LONGEST_VALUE), b"1" * 2 * LONGEST_VALUE, b"[1%s]" % (b",1" * LONGEST_VALUE)]
)
@pytest.mark.parametrize(
    "follows", [b"}", b', "b": "%s"}' % (b"y" * LONGEST_VALUE)], ids=["at the end", "before another"]
)
def test_value_that_is_too_long_is_refused(value: bytes, follows: bytes) -> None:
    with pytest.raises(ValueError, match=r"longer than 16,384 characters|Exceeds the limit"):
        read(b'{"a":' + value + follows, piece=10_000)


def test_value_of_too_many_parts_is_refused() -> None:
    assert read(b'{"a":[' + b"[]," * 254 + b"[]]}")["a"] == [[]] * 255
    with pytest.raises(ValueError, match="too many parts"):
        read(b'{"a":[' + b"{}," * 256 + b"{}]}")


def test_longest_value_is_read() -> None:
    text = "x" * (LONGEST_VALUE - 2)
    assert read(json.dumps({"a": text, "b": text, "files": [text, text]}).encode(), piece=10_000)["b"] == text


def test_byte_order_mark_and_white_space_are_skipped() -> None:
    assert read(b"\xef\xbb\xbf" + b" \n" * LONGEST_VALUE + b'{"a":\t1}' + b"\r" * LONGEST_VALUE) == {"a": 1}


def test_hostile_document_is_refused_before_it_is_built() -> None:
    document = JSONMembers([b'{"x": [', *[b'{"":[]},' * 8192] * 256, b"1]}"])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="longer than"):
            next(document.value() for _ in document.members())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
