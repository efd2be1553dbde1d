# SPDX-License-Identifier: Apache-2.0
"""What storage costs, and what an inventory costs."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.prices import inventory_bill
from airflow_provider_cosinv.inventory.queries.storage_cost import GB
from tests.table.query_report import TYPES, answer, as_tuples, make_tables, report_rows

HALF = GB // 2


def row(size, storage_class, *, marker="false"):
    return ["a/b", "v1", "true", marker, size, "2026-01-01 00:00:00Z", "e", storage_class, "false", None]


def costs(rows, columns=TYPES, **arguments):
    with duckdb.connect() as connection:
        make_tables(connection, rows)
        return answer(connection, "storage_cost", arguments, columns=columns)


def test_a_gb_is_1024_mb_and_classes_match_in_any_spelling():
    rows = [row(HALF, "STANDARD"), row(GB, "Standard"), row(3 * GB, "STANDARD_IA")]
    assert costs(rows, prices={"standard": 0.2, "StandardIA": 0.05, "DEEP_ARCHIVE": 9}) == [
        {
            "storage_class": "STANDARD",
            "objects": 2,
            "delete_markers": 0,
            "bytes": GB + HALF,
            "billed_bytes": GB + HALF,
            "billed_gb": 1.5,
            "price": 0.2,
            "cost": 0.3,
            "total_cost": 0.45,
        },
        {
            "storage_class": "STANDARD_IA",
            "objects": 1,
            "delete_markers": 0,
            "bytes": 3 * GB,
            "billed_bytes": 3 * GB,
            "billed_gb": 3.0,
            "price": 0.05,
            "cost": 0.15,
            "total_cost": 0.45,
        },
        {
            "storage_class": "DEEP_ARCHIVE",
            "objects": 0,
            "delete_markers": 0,
            "bytes": 0,
            "billed_bytes": 0,
            "billed_gb": 0.0,
            "price": 9,
            "cost": 0.0,
            "total_cost": 0.45,
        },
    ]


def test_bytes_without_a_price_are_not_free():
    rows = [row(GB, "STANDARD"), row(GB, "ARCHIVE"), row(GB, None)]
    found = costs(rows, prices={"STANDARD": 0.2})
    assert [(row["storage_class"], row["price"], row["cost"], row["total_cost"]) for row in found] == [
        ("ARCHIVE", None, None, None),
        (None, None, None, None),
        ("STANDARD", 0.2, 0.2, None),
    ]


def test_a_class_without_bytes_needs_no_price():
    found = costs([row(GB, "STANDARD"), row(None, None, marker="true")], prices={"STANDARD": Decimal("0.2")})
    assert [(row["storage_class"], row["price"], row["cost"], row["total_cost"]) for row in found] == [
        ("STANDARD", 0.2, 0.2, 0.2),
        (None, None, 0.0, 0.2),
    ]


def test_small_objects_count_as_the_minimum_of_their_class():
    rows = [row(0, "STANDARD_IA"), row(HALF, "StandardIA"), row(2 * GB, "STANDARD_IA"), row(HALF, "STANDARD")]
    found = costs(rows, prices={"STANDARD": 1, "STANDARD_IA": 1}, minimum_bytes={"Standard_IA": GB})
    assert [(row["storage_class"], row["bytes"], row["billed_bytes"], row["cost"]) for row in found] == [
        ("STANDARD_IA", 2 * GB + HALF, 4 * GB, 4.0),
        ("STANDARD", HALF, HALF, 0.5),
    ]


@pytest.mark.parametrize("size", [None, 0])
def test_a_delete_marker_has_no_minimum(size):
    rows = [row(size, "STANDARD_IA", marker="true"), row(None, "STANDARD_IA")]
    assert costs(rows, prices={"STANDARD_IA": 1}, minimum_bytes={"STANDARD_IA": GB})[0]["billed_bytes"] == 0


def test_minima_work_without_the_columns_of_versions():
    rows = [row(1, "STANDARD_IA"), row(GB, "STANDARD_IA")]
    found = costs(rows, columns=None, prices={"STANDARD_IA": 1}, minimum_bytes={"STANDARD_IA": GB})
    assert [(row["objects"], row["delete_markers"], row["cost"]) for row in found] == [(2, None, 2.0)]


@pytest.mark.parametrize("minimum", [{}, {"STANDARD_IA": GB}])
def test_an_object_of_unknown_size_makes_the_cost_unknown(minimum):
    rows = [row(GB, "STANDARD"), row(GB, "STANDARD_IA"), row(None, "STANDARD_IA")]
    found = costs(rows, prices={"STANDARD": 1, "STANDARD_IA": 1}, minimum_bytes=minimum)
    assert [(row["storage_class"], row["billed_bytes"], row["cost"], row["total_cost"]) for row in found] == [
        ("STANDARD_IA", GB, None, None),
        ("STANDARD", GB, 1.0, None),
    ]


def test_the_report_that_was_done_by_hand():
    rows = costs(report_rows(), prices={"STANDARD": GB, "STANDARD_IA": GB // 2, "ARCHIVE": 0})
    # One object has neither a size nor a class.
    assert as_tuples(rows) == [
        (None, 1, 4, 0, 0, 0.0, None, None, None),
        ("STANDARD", 10, 0, 6557, 6557, 0.0, GB, 6557.0, None),
        ("STANDARD_IA", 3, 0, 2900, 2900, 0.0, GB // 2, 1450.0, None),
        ("ARCHIVE", 3, 0, 10030, 10030, 0.0, 0.0, 0.0, None),
    ]


@pytest.mark.parametrize(
    ("listed", "price", "bill"),
    [
        (1_000_000, "0.0027", "0.0027"),
        (123_456_789, Decimal("0.0028"), "0.3456790092"),
        (13, 0.1, "0.0000013"),
        (2_000_000, 3, "6"),
        (0, "0.0027", "0"),
    ],
)
def test_an_inventory_is_billed_by_the_million_objects_listed(listed, price, bill):
    assert inventory_bill(listed, price) == Decimal(bill)


@pytest.mark.parametrize("listed", [None, "13", 1.5, -1, True])
def test_a_wrong_count_is_refused(listed):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        inventory_bill(listed, "0.0027")
    assert caught.value.parameter == "listed_objects"


@pytest.mark.parametrize("price", ["0,0027", "", None, "NaN", float("inf"), -1, True])
def test_a_wrong_price_is_refused(price):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        inventory_bill(13, price)
    assert caught.value.parameter == "price_per_million"
