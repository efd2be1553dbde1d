# SPDX-License-Identifier: Apache-2.0
"""What a ready-made query refuses, and what it says then."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.fields import BASE_FIELDS, STANDARD_FIELDS, VERSION_FIELDS
from airflow_provider_cosinv.inventory.queries.arguments import REQUIRED
from airflow_provider_cosinv.inventory.queries.catalogue import READY_QUERIES, ready_query

WRONG = [
    *(
        ("by_prefix", "depth", value)
        for value in (-1, 101, "101", "-1", "2.0", " 2", "1_0", "٢", "", "9" * 5000, 1.0, True)
    ),
    *(("by_prefix", "depth", value) for value in (None, [1])),
    *(("by_class_and_prefix", "limit", value) for value in (0, -1, "0", True, 2**63, str(2**63))),
    *(("largest_objects", "limit", value) for value in (0, None, "1; DROP TABLE x")),
    *(
        ("by_age", "edges", value)
        for value in ([], [30, 7], [7, 7], [0], ["0"], ["30", "7"], [7.5], "7", 7, None, [365_001])
    ),
    *(("by_age", "now", value) for value in ("", "yesterday", "2026-01-31", "2026-01-31T00:00:00", 1700000000)),
    *(("by_age", "now", value) for value in (datetime(2026, 1, 1), "1969-12-31T00:00:00Z", "' OR 1=1 --")),  # noqa: DTZ001
    *(("duplicates", "min_bytes", value) for value in (0, "1 KB", 1.5, None)),
    *(("duplicates", "current_only", value) for value in ("true", 1, None)),
    *(("storage_cost", "prices", value) for value in ({}, None, [0.1], {"STANDARD": -1})),
    *(("storage_cost", "prices", {"STANDARD": value}) for value in (float("nan"), float("inf"), 10**400, True, None)),
    *(("storage_cost", "prices", {"STANDARD": value}) for value in ("0,1", "1e-3", "nan", "-1", ".1", "", "9" * 400)),
    *(("storage_cost", "prices", value) for value in ({"": 1}, {None: 1}, {"STANDARD": 1, "Standard": 2})),
    *(("storage_cost", "minimum_bytes", value) for value in ({"STANDARD_IA": 0.5}, {"STANDARD_IA": -1}, None, 65536)),
]


@pytest.mark.parametrize(("name", "argument", "value"), WRONG)
def test_a_wrong_value_is_refused_by_name(name, argument, value):
    given = {"prices": {"STANDARD": 1}} if name == "storage_cost" else {}
    with pytest.raises(COSInventoryConfigurationError) as caught:
        ready_query(name, {**given, argument: value})
    assert caught.value.parameter == argument
    assert f"The query {name}: {argument} " in caught.value.message
    for known in READY_QUERIES[name].arguments:
        assert known in caught.value.hint


@pytest.mark.parametrize(
    ("name", "rendered", "typed"),
    [
        ("by_prefix", {"depth": "2", "limit": "20"}, {"depth": 2, "limit": 20}),
        ("by_prefix", {"depth": "0", "limit": str(2**63 - 1)}, {"depth": 0, "limit": 2**63 - 1}),
        (
            "by_age",
            {"edges": ["7", "30"], "now": "2026-01-01T00:00:00Z"},
            {"edges": [7, 30], "now": "2026-01-01T00:00Z"},
        ),
        ("storage_cost", {"prices": {"STANDARD": "0.024"}}, {"prices": {"STANDARD": 0.024}}),
        (
            "storage_cost",
            {"prices": {"STANDARD": "1"}, "minimum_bytes": {"STANDARD": "65536"}},
            {"prices": {"STANDARD": 1}, "minimum_bytes": {"STANDARD": 65536}},
        ),
    ],
)
def test_a_number_may_be_the_text_that_a_template_makes_of_it(name, rendered, typed):
    assert ready_query(name, rendered) == ready_query(name, typed)


@pytest.mark.parametrize("name", READY_QUERIES)
def test_an_unknown_argument_is_refused_with_those_that_there_are(name):
    with pytest.raises(COSInventoryConfigurationError, match=f"The query {name}: deep is not an argument") as caught:
        ready_query(name, {"deep": 1})
    assert caught.value.parameter == "deep"
    for known, argument in READY_QUERIES[name].arguments.items():
        assert f"{known} ({argument.meaning}; " in caught.value.hint
    if not READY_QUERIES[name].arguments:
        assert caught.value.hint == f"{name} takes no arguments."


@pytest.mark.parametrize("arguments", [["depth"], "depth=1", 2])
def test_arguments_are_a_mapping(arguments):
    with pytest.raises(COSInventoryConfigurationError, match="not a mapping") as caught:
        ready_query("by_prefix", arguments)
    assert caught.value.parameter == "query_arguments"


@pytest.mark.parametrize("name", ["by_colour", "", None, ["by_prefix"]])
def test_an_unknown_query_is_refused_with_those_that_there_are(name):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        ready_query(name)
    assert caught.value.parameter == "query"
    assert caught.value.hint == f"There are {', '.join(READY_QUERIES)}."


def test_an_argument_without_a_default_must_be_given():
    with pytest.raises(COSInventoryConfigurationError, match="The query storage_cost: prices is missing"):
        ready_query("storage_cost")


@pytest.mark.parametrize("name", READY_QUERIES)
def test_the_defaults_are_what_a_user_could_give(name):
    arguments = READY_QUERIES[name].arguments
    defaults = {name: argument.default for name, argument in arguments.items() if argument.default is not REQUIRED}
    given = {"prices": {"STANDARD": 1}} if name == "storage_cost" else {}
    fixed = {"now": "2026-01-01T00:00:00Z"} if name == "by_age" else {}
    assert ready_query(name, {**defaults, **given, **fixed}) == ready_query(name, {**given, **fixed})


@pytest.mark.parametrize("name", READY_QUERIES)
def test_a_missing_column_is_named_with_what_to_order(name):
    given = {"prices": {"STANDARD": 1}} if name == "storage_cost" else {}
    needs = set(READY_QUERIES[name].needs)
    assert needs <= {*BASE_FIELDS, *STANDARD_FIELDS, *VERSION_FIELDS}
    for missing in needs - {"Key"}:
        columns = [*BASE_FIELDS, *(needs - {missing})]
        with pytest.raises(COSInventoryConfigurationError, match=f"does not have: {missing}") as caught:
            ready_query(name, given, columns=columns)
        assert caught.value.parameter == "query"
        is_version = missing in VERSION_FIELDS
        assert ('included_object_versions="All"' in caught.value.hint) == is_version
        assert (f"optional_fields that have {missing}." in caught.value.hint) != is_version


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(COSInventoryConfigurationError) as caught:
        ready_query("deleted_keys", columns=BASE_FIELDS)
    assert caught.value.message.endswith("IsLatest, IsDeleteMarker, Size.")
    assert caught.value.hint == (
        'Take an inventory with optional_fields that have Size, and with included_object_versions="All".'
    )


def test_a_class_is_text_and_no_sql():
    sql = ready_query("storage_cost", {"prices": {"it's": 1}})
    assert "WHEN 'IT''S' THEN '1.0'::DOUBLE" in sql


def test_a_time_is_read_in_any_zone():
    east = ready_query("by_age", {"now": "2026-01-31T08:00:00+08:00"})
    assert ready_query("by_age", {"now": "2026-01-31T00:00:00Z"}) == east
    assert ready_query("by_age", {"now": datetime(2026, 1, 31, tzinfo=timezone.utc)}) == east
