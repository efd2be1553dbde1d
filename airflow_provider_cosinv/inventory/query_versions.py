# SPDX-License-Identifier: Apache-2.0
"""Ready-made queries about versions, for reports that list all of them."""

from __future__ import annotations

from airflow_provider_cosinv.inventory.query_source import Source, prefix_of
from airflow_provider_cosinv.inventory.query_sums import Sum, class_group, limited, prefix_group, share_of, summed


def noncurrent_versions(source: Source, *, depth: int, limit: int | None) -> str:
    """Versions and bytes that are not the latest ones, and delete markers, by storage class and prefix."""
    states = {"current": "IsLatest", "noncurrent": "NOT IsLatest", "unknown": "IsLatest IS NULL"}
    sums = [Sum("delete_markers", "count_if(IsDeleteMarker)")]
    for state, condition in states.items():
        is_object = f"{condition} AND IsDeleteMarker IS NOT TRUE"
        sums.append(Sum(f"{state}_versions", f"count_if({is_object})"))
        sums.append(Sum(f"{state}_bytes", f"sum(Size) FILTER (WHERE {is_object})"))
    groups = [class_group(source.optional("StorageClass", "VARCHAR")), prefix_group(source, depth)]
    columns = [f"{state}_{what}" for state in states for what in ("versions", "bytes")]
    return (
        f"{summed(groups, sums)}\n"
        f"SELECT storage_class, prefix, {', '.join(columns)}, delete_markers, {share_of('noncurrent_bytes')} AS share\n"
        "FROM sums\nORDER BY noncurrent_bytes DESC, noncurrent_versions DESC, delete_markers DESC,"
        f" storage_class NULLS LAST, prefix{limited(limit)}"
    )


def deleted_keys(source: Source, *, depth: int, limit: int | None) -> str:  # noqa: ARG001  whole keys are compared
    """Keys whose latest version is a delete marker, and what lies below it, by prefix."""
    return (
        "WITH deleted AS (\n"
        "  SELECT Key, count_if(IsDeleteMarker) AS markers, count_if(IsDeleteMarker IS NOT TRUE) AS versions,"
        " sum(Size) FILTER (WHERE IsDeleteMarker IS NOT TRUE) AS bytes\n"
        "  FROM inventory\n  GROUP BY Key\n  HAVING bool_or(IsLatest AND IsDeleteMarker)\n"
        "), sums AS (\n"
        f"  SELECT {prefix_of('Key', depth)} AS prefix, count(*) AS keys,"
        " count_if(versions = 0)::BIGINT AS keys_without_versions,"
        " count_if(versions > 0)::BIGINT AS keys_with_versions,"
        " sum(versions)::BIGINT AS hidden_versions, coalesce(sum(bytes), 0)::BIGINT AS hidden_bytes,"
        " (sum(markers) - count(*))::BIGINT AS older_delete_markers\n"
        "  FROM deleted\n  GROUP BY 1\n)\n"
        f"SELECT *\nFROM sums\nORDER BY hidden_bytes DESC, keys DESC, prefix{limited(limit)}"
    )
