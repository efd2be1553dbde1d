# SPDX-License-Identifier: Apache-2.0
"""The ready-made query that tells what a month of storage costs, at the prices that the user gives."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cosinv.inventory.queries.arguments import plain_class
from airflow_provider_cosinv.inventory.queries.columns import QueryTable
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.inventory.queries.sums import Sum, class_group, object_bytes, object_sums, summed

#: Bytes of the GB that storage is billed by: 1,024 MB (436/40099).
GB = 1024**3

# SQL of a class as plain_class() has it.
_PLAIN = "upper(replace({}, '_', ''))"


def storage_cost(source: QueryTable, *, prices: Mapping[str, float], minimum_bytes: Mapping[str, int]) -> str:
    """What a month of storage costs, by storage class."""
    unknown = Sum("unknown_sizes", f"count(*) FILTER (WHERE Size IS NULL AND {source.is_object})")
    sums = [*object_sums(source), Sum("billed_bytes", _billed_bytes(source, minimum_bytes)), unknown]
    price = _by_class("storage_class", {name: f"{literal(repr(price))}::DOUBLE" for name, price in prices.items()})
    # A class that is given and not in the report has a row of its own: it may be a misspelt one.
    given = {plain_class(name): name for name in (*minimum_bytes, *prices)}
    names = ", ".join(f"({literal(plain)}, {literal(name)})" for plain, name in given.items())
    markers = "coalesce(delete_markers, 0)" if source.has("IsDeleteMarker") else "delete_markers"
    return (
        f"{summed([class_group()], sums)}, classes AS (\n"
        f"  SELECT coalesce(storage_class, name) AS storage_class, coalesce(objects, 0) AS objects,"
        f" {markers} AS delete_markers, coalesce(bytes, 0) AS bytes, coalesce(billed_bytes, 0) AS billed_bytes,"
        " coalesce(unknown_sizes, 0) AS unknown_sizes\n"
        f"  FROM sums FULL JOIN (VALUES {names}) AS given(plain, name) ON plain = {_PLAIN.format('storage_class')}\n"
        "), costs AS (\n"
        f"  SELECT * EXCLUDE (unknown_sizes), billed_bytes / {GB} AS billed_gb, {price} AS price,"
        " CASE WHEN unknown_sizes > 0 THEN NULL WHEN billed_bytes = 0 THEN 0 ELSE billed_gb * price END AS cost\n"
        "  FROM classes\n)\n"
        "SELECT *, CASE WHEN bool_and(cost IS NOT NULL) OVER () THEN sum(cost) OVER () END AS total_cost\n"
        "FROM costs\nORDER BY cost DESC NULLS FIRST, storage_class NULLS LAST"
    )


def _billed_bytes(source: QueryTable, minimum_bytes: Mapping[str, int]) -> str:
    # A delete marker is nothing that is stored, whatever COS writes for its size.
    if not minimum_bytes:
        return object_bytes(source)
    least = _by_class("StorageClass", {name: str(least) for name, least in minimum_bytes.items()})
    return f"sum(greatest(Size, {least})) FILTER (WHERE Size IS NOT NULL AND {source.is_object})"


def _by_class(column: str, values: Mapping[str, str]) -> str:
    whens = " ".join(f"WHEN {literal(plain_class(name))} THEN {value}" for name, value in values.items())
    return f"CASE {_PLAIN.format(column)} {whens} END"
