# SPDX-License-Identifier: Apache-2.0
"""Ready-made queries that name objects."""

from __future__ import annotations

from airflow_provider_cosinv.inventory.queries.columns import QueryTable
from airflow_provider_cosinv.inventory.queries.sums import limited, share_of


def largest_objects(source: QueryTable, *, limit: int) -> str:
    """The largest objects, or versions."""
    return (
        f"SELECT Key AS key, {source.optional('VersionId', 'VARCHAR')} AS version_id, Size AS bytes,"
        f" upper({source.optional('StorageClass', 'VARCHAR')}) AS storage_class,"
        f" {source.optional('LastModifiedDate', 'TIMESTAMPTZ')} AS last_modified\n"
        f"FROM inventory\nWHERE Size IS NOT NULL AND {source.is_object}\n"
        f"ORDER BY bytes DESC, key, version_id{limited(limit)}"
    )


def duplicates(source: QueryTable, *, min_bytes: int, current_only: bool, limit: int | None) -> str:
    """Objects of the same content, as far as ETag and size tell."""
    # A report without the column has none but current versions; where it is empty, nothing says otherwise.
    knows_latest = source.columns is None or source.has("IsLatest")
    is_current = " AND IsLatest IS NOT FALSE" if current_only and knows_latest else ""
    # Only of what is there twice are keys grouped, in a third of the time. Parquet is read twice for that; data files
    # stream by once, and what is wanted of them is kept. Two contents may have one hash, so copies are counted again.
    is_kept = "MATERIALIZED" if source.encoded else "NOT MATERIALIZED"
    return (
        f"WITH objects AS {is_kept} (\n"
        "  SELECT ETag, Size, Key, hash(ETag, Size) AS content\n"
        f"  FROM inventory\n  WHERE ETag IS NOT NULL AND Size >= {min_bytes} AND {source.is_object}{is_current}\n"
        "), likely AS (\n"
        "  SELECT content FROM objects GROUP BY content HAVING count(*) > 1\n"
        "), duplicates AS (\n"
        "  SELECT ETag AS etag, Size AS bytes, count(*) AS copies, (count(*) - 1) * Size AS reclaimable_bytes,"
        " min(Key) AS first_key, max(Key) AS last_key\n"
        "  FROM objects SEMI JOIN likely USING (content)\n"
        "  GROUP BY ETag, Size\n  HAVING count(*) > 1\n)\n"
        f"SELECT etag, bytes, copies, reclaimable_bytes, {share_of('reclaimable_bytes')} AS share,"
        " first_key, last_key\n"
        f"FROM duplicates\nORDER BY reclaimable_bytes DESC, bytes DESC, etag{limited(limit)}"
    )
