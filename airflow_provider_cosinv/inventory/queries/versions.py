# SPDX-License-Identifier: Apache-2.0
"""Ready-made queries about versions, for reports that list all of them."""

from __future__ import annotations

from airflow_provider_cosinv.inventory.queries.columns import IS_OBJECT, QueryTable, prefix_of
from airflow_provider_cosinv.inventory.queries.sums import (
    MARKERS,
    Sum,
    class_group,
    limited,
    prefix_group,
    share_of,
    summed,
)

# The latest version of a key is a delete marker, or may be one.
_DELETED, _UNKNOWN = 3, 1


def noncurrent_versions(source: QueryTable, *, depth: int, limit: int | None) -> str:
    """Versions and bytes that are not the latest ones, and delete markers, by storage class and prefix."""
    states = {"current": "IsLatest", "noncurrent": "NOT IsLatest", "unknown": "IsLatest IS NULL"}
    sums = [Sum("delete_markers", MARKERS)]
    for state, condition in states.items():
        is_counted = f"{condition} AND {IS_OBJECT}"
        sums.append(Sum(f"{state}_versions", f"count_if({is_counted})"))
        sums.append(Sum(f"{state}_bytes", f"sum(Size) FILTER (WHERE {is_counted})"))
    groups = [class_group(source.optional("StorageClass", "VARCHAR")), prefix_group(source, depth)]
    columns = [f"{state}_{what}" for state in states for what in ("versions", "bytes")]
    return (
        f"{summed(groups, sums)}\n"
        f"SELECT storage_class, prefix, {', '.join(columns)}, delete_markers, {share_of('noncurrent_bytes')} AS share\n"
        "FROM sums\nORDER BY noncurrent_bytes DESC, noncurrent_versions DESC, delete_markers DESC,"
        f" storage_class NULLS LAST, prefix{limited(limit)}"
    )


def deleted_keys(source: QueryTable, *, depth: int, limit: int | None) -> str:  # noqa: ARG001  whole keys are compared
    """Keys whose latest version is a delete marker, and what lies below it, by prefix."""
    # What is known to be the latest counts before what may be.
    state = (
        f"max(CASE WHEN IsLatest AND IsDeleteMarker THEN {_DELETED} WHEN IsLatest THEN {_DELETED - 1}"
        f" WHEN IsLatest IS NULL AND IsDeleteMarker THEN {_UNKNOWN} ELSE 0 END)"
    )
    return (
        "WITH keys AS (\n"
        f"  SELECT Key, {MARKERS} AS markers, count(*) - {MARKERS} AS versions,"
        f" sum(Size) FILTER (WHERE {IS_OBJECT}) AS bytes, {state} AS state\n"
        f"  FROM inventory\n  GROUP BY Key\n  HAVING state IN ({_DELETED}, {_UNKNOWN})\n"
        "), deleted AS (\n"
        f"  SELECT {prefix_of('Key', depth)} AS prefix, state = {_DELETED} AS is_deleted, markers, versions, bytes\n"
        "  FROM keys\n"
        "), counts AS (\n"
        "  SELECT prefix, count_if(is_deleted)::BIGINT AS keys,"
        " count_if(is_deleted AND versions = 0)::BIGINT AS keys_without_versions,"
        " count_if(is_deleted AND versions > 0)::BIGINT AS keys_with_versions,"
        " coalesce(sum(versions) FILTER (WHERE is_deleted), 0)::BIGINT AS hidden_versions,"
        " coalesce(sum(bytes) FILTER (WHERE is_deleted), 0)::BIGINT AS hidden_bytes,"
        " coalesce(sum(markers - 1) FILTER (WHERE is_deleted), 0)::BIGINT AS older_delete_markers,"
        " count_if(NOT is_deleted)::BIGINT AS unknown_keys\n"
        "  FROM deleted\n  GROUP BY prefix\n)\n"
        f"SELECT *\nFROM counts\nORDER BY hidden_bytes DESC, keys DESC, unknown_keys DESC, prefix{limited(limit)}"
    )
