# SPDX-License-Identifier: Apache-2.0
"""``cos://bucket/key`` asset URIs. Imported while DAG files are parsed, so it needs no client of COS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow.sdk import Asset

from airflow_provider_cosinv.inventory.names import BucketName

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

# What a path holds as it is (RFC 3986).
_UNENCODED = "/-._~!$&'()*+,;=:@"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Return the URI in the one spelling that Airflow compares: ``cos://name-APPID/key``.

    The bucket is in lower case, the key percent-encoded where it must be, and without slashes at its end. An
    ``ObjectStoragePath`` names a connection, too, ``cos://cos_default@name-APPID/key``: the object is the same through
    every connection, so the name is left out.

    :param uri: as a DAG author wrote it
    :raises COSInventoryConfigurationError: where the bucket is missing or not a full name (also a ``ValueError``)
    """
    host, path = uri.netloc.rpartition("@")[2], uri.path
    if not host:
        # Airflow 3.1 writes the bucket of an ObjectStoragePath behind a slash.
        host, _, key = path.removeprefix("/").partition("/")
        path = f"/{key}"
    bucket = BucketName.parse(host.lower(), parameter="asset URI")
    return uri._replace(netloc=str(bucket), path=quote(unquote(path), safe=_UNENCODED).rstrip("/"))


def create_asset(*, bucket: str, key: str = "", extra: dict[str, Any] | None = None) -> Asset:
    """
    Return the asset of an object or of a prefix.

    :param bucket: full name
    :param key: of the object, or the prefix, as it is; empty for the whole bucket
    :param extra: stored with the asset
    """
    return Asset(uri=f"cos://{bucket}/{quote(key, safe=_UNENCODED)}".rstrip("/"), extra=extra or {})


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001  Airflow's signature
    """
    Return the dataset of an asset: namespace ``cos://bucket``, name the key, or ``/`` for the whole bucket.

    OpenLineage names no scheme for COS; this is how it names the buckets of others.

    :param asset: with a URI of this scheme
    :param lineage_context: that reported it
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    uri = urlsplit(asset.uri)
    return Dataset(namespace=f"cos://{uri.netloc}", name=unquote(uri.path).strip("/") or "/")
