# SPDX-License-Identifier: Apache-2.0
"""``cos://bucket/key`` asset URIs. Imported while DAG files are parsed, so it needs no client of COS."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult

from airflow.sdk import Asset

from airflow_provider_cosinv.inventory.bucket import BucketName


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Return the URI in the one spelling that Airflow compares: ``cos://name-APPID/key``, path without a trailing slash.

    :param uri: as a DAG author wrote it
    :raises COSInventoryConfigurationError: where the bucket is missing or not a full name (also a ``ValueError``)
    """
    bucket = BucketName.parse(uri.netloc.lower(), parameter="asset URI")
    return uri._replace(netloc=str(bucket), path=uri.path.rstrip("/"))


def create_asset(*, bucket: str, key: str = "", extra: dict[str, Any] | None = None) -> Asset:
    """
    Return the asset of an object or of a prefix.

    :param bucket: full name
    :param key: of the object, or the prefix; empty for the whole bucket
    :param extra: stored with the asset
    """
    return Asset(uri=f"cos://{bucket}/{key}".rstrip("/"), extra=extra or {})
