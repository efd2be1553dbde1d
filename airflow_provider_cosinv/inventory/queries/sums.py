# SPDX-License-Identifier: Apache-2.0
"""
Ready-made queries that count objects and add up bytes, by one thing or two.

They group twice: first by the columns as they are, which is the part that every row takes, then the few groups that
are left by what counts as the same, such as two spellings of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_cosinv.inventory.queries.columns import FOLDERS, QueryTable, encoded_prefix_of, prefix_of
from airflow_provider_cosinv.inventory.queries.sql_text import literal

#: SQL that counts delete markers. Of nothing but unknown values DuckDB counts NULL.
MARKERS = "coalesce(count_if(IsDeleteMarker), 0)"


@dataclass(frozen=True)
class Group:
    """
    What rows are grouped by.

    :param name: of the column in the result
    :param raw: SQL over a row
    :param same: SQL over ``parts.name``, the raw values; those that it makes equal are one group
    :param shown: SQL of an aggregate over them, for the result; None is ``same``
    :param table: that has what ``raw`` reads
    """

    name: str
    raw: str
    same: str
    shown: str | None = None
    table: str = "inventory"


@dataclass(frozen=True)
class Sum:
    """
    What is added up.

    :param name: of the column in the result
    :param sql: of an aggregate over rows whose values can be added up; None where the report does not tell
    """

    name: str
    sql: str | None


def class_group(column: str = "StorageClass") -> Group:
    """Group by storage class; ``Standard`` is ``STANDARD``."""
    return Group(
        "storage_class", column, "upper(replace(parts.storage_class, '_', ''))", "max(upper(parts.storage_class))"
    )


def prefix_group(source: QueryTable, depth: int) -> Group:
    """Group by prefix: decode only the prefix of a key; reuse the prefix column if the table has one."""
    if depth and (table := source.at_depth(depth)):
        return Group("prefix", FOLDERS, "parts.prefix", table=table)
    if depth == 0 or not source.encoded:
        return Group("prefix", prefix_of("Key", depth), "parts.prefix")
    decoded = prefix_of("decode_key(parts.prefix)", depth)
    return Group("prefix", encoded_prefix_of("Key", depth), decoded, table="inventory_encoded")


def object_sums(source: QueryTable) -> tuple[Sum, ...]:
    """Count objects and delete markers, and add up the bytes of the objects."""
    if not source.has("IsDeleteMarker"):
        return (Sum("objects", "count(*)"), Sum("delete_markers", None), Sum("bytes", "sum(Size)"))
    return (
        Sum("objects", f"count(*) - {MARKERS}"),
        Sum("delete_markers", MARKERS),
        Sum("bytes", object_bytes(source)),
    )


def object_bytes(source: QueryTable) -> str:
    """Return SQL of an aggregate: the bytes of rows that are no delete markers."""
    # To take those of the few markers away is faster than to leave them out.
    markers = " - coalesce(sum(Size) FILTER (WHERE IsDeleteMarker), 0)" if source.has("IsDeleteMarker") else ""
    return f"sum(Size){markers}"


def summed(groups: Sequence[Group], sums: Sequence[Sum]) -> str:
    """Return the beginning of a query: the table ``sums``, with a column for each group and each sum."""
    names = [group.name for group in groups]
    raw = [f"{group.raw} AS {group.name}" for group in groups]
    inner = [f"{entry.sql} AS {entry.name}" for entry in sums if entry.sql]
    shown = [f"{group.shown or group.same} AS {group.name}" for group in groups]
    outer = [
        f"coalesce(sum({entry.name}), 0)::BIGINT AS {entry.name}" if entry.sql else f"NULL::BIGINT AS {entry.name}"
        for entry in sums
    ]
    table = next((group.table for group in groups if group.table != "inventory"), "inventory")
    return (
        f"WITH parts AS (\n  SELECT {', '.join(raw + inner)}\n  FROM {table}\n"
        f"  GROUP BY {', '.join(str(place) for place, _ in enumerate(names, start=1))}\n"
        f"), sums AS (\n  SELECT {', '.join(shown + outer)}\n  FROM parts\n"
        f"  GROUP BY {', '.join(group.same for group in groups)}\n)"
    )


def share_of(column: str) -> str:
    """Return SQL for the share of a column in its sum; NULL where that is 0."""
    return f"{column} / nullif(sum({column}) OVER (), 0)"


def limited(limit: int | None) -> str:
    """Return the end of a query."""
    return "" if limit is None else f"\nLIMIT {limit}"


def _by(source: QueryTable, groups: Sequence[Group], *, limit: int | None = None, is_cumulative: bool = False) -> str:
    sums = object_sums(source)
    names = [group.name for group in groups]
    order = f"bytes DESC, objects DESC, {', '.join(f'{name} NULLS LAST' for name in names)}"
    columns = [*names, *(entry.name for entry in sums), f"{share_of('bytes')} AS share"]
    if is_cumulative:
        so_far = f"sum(bytes) OVER (ORDER BY {order})"
        columns.append(f"{so_far} / nullif(sum(bytes) OVER (), 0) AS cumulative_share")
    return f"{summed(groups, sums)}\nSELECT {', '.join(columns)}\nFROM sums\nORDER BY {order}{limited(limit)}"


def by_storage_class(source: QueryTable) -> str:
    """Objects and bytes by storage class."""
    return _by(source, [class_group()])


def by_prefix(source: QueryTable, *, depth: int, limit: int | None) -> str:
    """Objects and bytes by prefix."""
    return _by(source, [prefix_group(source, depth)], limit=limit, is_cumulative=True)


def by_class_and_prefix(source: QueryTable, *, depth: int, limit: int | None) -> str:
    """Objects and bytes by storage class and prefix."""
    return _by(source, [class_group(), prefix_group(source, depth)], limit=limit)


def by_multipart(source: QueryTable, *, depth: int, limit: int | None) -> str:
    """Objects and bytes by whether they were uploaded in parts, and by prefix."""
    is_multipart = Group("is_multipart_uploaded", "IsMultipartUploaded", "parts.is_multipart_uploaded")
    return _by(source, [is_multipart, prefix_group(source, depth)], limit=limit)


def by_replication_status(source: QueryTable) -> str:
    """Objects and bytes by the state of replication."""
    return _by(source, [Group("replication_status", "ReplicationStatus", "upper(parts.replication_status)")])


def by_age(source: QueryTable, *, edges: tuple[int, ...], now: datetime) -> str:
    """Objects and bytes by age."""
    moments = [
        f"TIMESTAMPTZ {literal(moment.isoformat(' '))}"
        for moment in (now, *(now - timedelta(days=edge) for edge in edges))
    ]
    # The bucket's place in the list below, from 1.
    places = "".join(f" WHEN LastModifiedDate > {moment} THEN {place}" for place, moment in enumerate(moments, start=1))
    place = f"CASE WHEN LastModifiedDate IS NULL THEN NULL{places} ELSE {len(moments) + 1} END"
    bounds = [(None, None), *zip((0, *edges), (*edges, None), strict=True)]
    ages = ["future", *(f"{start}-{end} days" if end else f"{start}+ days" for start, end in bounds[1:])]
    starts, ends = (
        ", ".join("NULL" if bound[side] is None else str(bound[side]) for bound in bounds) for side in (0, 1)
    )
    return (
        f"{summed([Group('place', place, 'parts.place')], object_sums(source))}\n"
        f"SELECT ([{', '.join(map(literal, ages))}])[place] AS age, ([{starts}])[place]::INTEGER AS from_days,"
        f" ([{ends}])[place]::INTEGER AS to_days, objects, delete_markers, bytes, {share_of('bytes')} AS share\n"
        "FROM sums\nORDER BY place NULLS LAST"
    )
