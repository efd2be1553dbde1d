# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv import exceptions
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryRequestError,
    error_from_dict,
    shown,
)

CLASSES = [
    member
    for _, member in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(member, COSInventoryError) and member.__module__ == exceptions.__name__
]
DETAILS: dict[str, Any] = {
    "code": "AccessDenied",
    "status": 403,
    "request_id": "NTlhMzg1ZWVf",
    "trace_id": "OGVmYzZiMmQz",
    "bucket": "examplebucket-1250000000",
    "key": "清单/manifest.json",
    "line": 7,
    "parameter": "bucket",
    "hint": "Grant name/cos:PostBucketInventory.",
}


def drawn_tree() -> dict[str, str | None]:
    """Each class in the module's drawing, with the class above it."""
    above: list[str] = []
    found: dict[str, str | None] = {}
    for line in (exceptions.__doc__ or "").splitlines():
        name = next((word for word in line.split() if word.startswith("COSInventory")), None)
        if name:
            depth = (line.index(name) - 4) // 4
            above[depth:] = [name]
            found[name] = above[depth - 1] if depth else None
    return found


def test_the_tree_is_the_one_that_the_docstring_draws() -> None:
    real = {
        member.__name__: next((base.__name__ for base in member.__bases__ if base in CLASSES), None)
        for member in CLASSES
    }

    assert drawn_tree() == real
    assert len(real) == 11


def test_a_wrong_value_is_a_value_error_too_and_nothing_else_is() -> None:
    assert {member.__name__ for member in CLASSES if issubclass(member, ValueError)} == {
        COSInventoryConfigurationError.__name__
    }


def test_the_text_has_message_details_and_hint() -> None:
    assert str(COSInventoryRequestError("COS refused.", **DETAILS)) == (
        "COS refused. (parameter: bucket, bucket: examplebucket-1250000000, key: 清单/manifest.json, line: 7, "
        "code: AccessDenied, status: 403, request id: NTlhMzg1ZWVf, trace id: OGVmYzZiMmQz) "
        "Grant name/cos:PostBucketInventory."
    )


def test_the_text_has_only_what_is_known() -> None:
    assert str(COSInventoryError("It broke.")) == "It broke."
    assert str(COSInventoryError("It broke.", hint="Mend it.")) == "It broke. Mend it."
    assert str(COSInventoryError("It broke.", status=0)) == "It broke. (status: 0)"


@pytest.mark.parametrize("member", CLASSES)
@pytest.mark.parametrize(
    "through",
    [
        *(lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol)) for protocol in range(6)),
        copy.copy,
        copy.deepcopy,
        lambda error: error_from_dict(json.loads(json.dumps(error.as_dict()))),
    ],
    ids=[*(f"pickle {protocol}" for protocol in range(6)), "copy", "deepcopy", "dict"],
)
@pytest.mark.parametrize("details", [{}, DETAILS], ids=["bare", "full"])
def test_an_error_survives_the_way_between_processes(member: Any, through: Any, details: dict[str, Any]) -> None:
    error = member("It broke.", **details)

    there = through(error)

    assert type(there) is member
    assert (there.message, there.details(), str(there)) == ("It broke.", details, str(error))
    assert there.args == ("It broke.",)


def test_what_was_added_to_an_error_survives_pickling() -> None:
    error = COSInventoryError("It broke.")
    # What add_note() sets, on Python 3.11 and later.
    vars(error)["__notes__"] = ["While waiting."]

    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_an_error_of_a_newer_release_keeps_its_text() -> None:
    newer = {"error": "COSInventoryFrozenError", "message": "It froze.", "bucket": "b-1", "temperature": -3}

    error = error_from_dict(newer)

    assert type(error) is COSInventoryError
    assert str(error) == "It froze. (bucket: b-1)"


def test_a_subclass_elsewhere_is_found_by_its_name() -> None:
    class COSInventoryLocalError(COSInventoryRequestError):
        """One class deeper than the tree."""

    assert type(error_from_dict(COSInventoryLocalError("x").as_dict())) is COSInventoryLocalError


TEXTS = sorted(name for name, value in DETAILS.items() if isinstance(value, str))


@given(st.text(max_size=30), st.dictionaries(st.sampled_from(TEXTS), st.text(min_size=1, max_size=20)))
def test_any_error_survives_json(message: str, details: dict[str, Any]) -> None:
    error = COSInventoryError(message, **details)

    there = error_from_dict(json.loads(json.dumps(error.as_dict())))

    assert (there.message, there.details(), str(there)) == (error.message, error.details(), str(error))
    assert error.details() == {name: shown(value) for name, value in details.items()}


FORGED = "x\n[2026-12-01] INFO - Marking task as SUCCESS \r\x1b[2K\u202e\u2066\u2028\x85\ud800\udcff\x00"


@given(st.text(st.characters(), max_size=600) | st.builds(lambda text: text * 400, st.text(max_size=4)))
def test_shown_text_is_one_printable_line_of_bounded_length(text: str) -> None:
    once = shown(text)

    assert once.isprintable()
    assert len(once) <= 500
    assert once.encode().decode() == once
    assert shown(once) == once


def test_shown_text_keeps_letters_of_every_language() -> None:
    assert shown("清单/été 1.csv") == "清单/été 1.csv"


def test_shown_text_escapes_what_forges_a_log_line() -> None:
    assert shown("a\nb\x1b\u202e\ud800") == r"a\nb\x1b\u202e\ud800"


def test_shown_text_cuts_a_value_of_any_type() -> None:
    assert shown(["x" * 600]) == "['" + "x" * 497 + "…"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_error_holds_no_raw_text_from_outside(cls: type[COSInventoryError]) -> None:
    texts: dict[str, Any] = {name: FORGED for name, value in DETAILS.items() if isinstance(value, str)}
    error = cls(FORGED, **texts)

    for text in (str(error), *error.args, *error.as_dict().values()):
        assert text.isprintable()
        assert text.encode()
    assert str(error_from_dict(error.as_dict())) == str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_error_bounds_each_text_from_outside() -> None:
    long = "k" * 10_000
    error = COSInventoryRequestError("It broke.", key=long, code=long, hint="Mend it.")

    assert len(str(error)) < 1100
    assert len(COSInventoryError(long).message) == 1000
