# SPDX-License-Identifier: Apache-2.0
"""
Which host a bucket has, and the URL of a request.

Both halves of the client build their URLs here, so that they ask for the same bytes and sign the same path.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from airflow_provider_cosinv.cos.settings import (
    DEFAULT_DOMAIN_SUFFIX,
    INTERNAL_DOMAIN_SUFFIX,
    ClientSettings,
)
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.names import BucketName

_UNRESERVED = "-_.~"


def request_host(settings: ClientSettings, bucket: str | None) -> str:
    """
    Return the domain of a request: it is the Host header, whatever is connected to.

    :param bucket: full name, ``name-APPID``; None where the call is about the account
    :raises COSInventoryConfigurationError: where the bucket is not a full name
    """
    return bucket_host(settings, bucket) if bucket is not None else service_host(settings)


def bucket_host(settings: ClientSettings, bucket: str) -> str:
    """
    Return the virtual-hosted domain of a bucket (436/6224).

    :param bucket: full name, ``name-APPID``
    :raises COSInventoryConfigurationError: where the bucket is not a full name
    """
    # A wait asks at every poll; what is no text cannot be looked up.
    name = _checked(bucket) if isinstance(bucket, str) else str(BucketName.parse(bucket))
    return f"{name}.{service_host(settings)}"


@lru_cache(maxsize=1024)
def _checked(bucket: str) -> str:
    return str(BucketName.parse(bucket))


def service_host(settings: ClientSettings) -> str:
    """Return the domain of the region, which buckets' domains end in and which lists them (436/8291)."""
    service, suffix = "cos", settings.domain_suffix
    if settings.internal:
        service = "cos-internal"
        suffix = INTERNAL_DOMAIN_SUFFIX if suffix == DEFAULT_DOMAIN_SUFFIX else suffix
    return f"{service}.{settings.region}.{suffix}"


def signed_path(key: str | None) -> str:
    """
    Return the path that the signature covers: not encoded, with one slash before the key.

    :param key: of an object; None for the bucket itself
    """
    return f"/{key or ''}"


def request_url(settings: ClientSettings, bucket: str | None, key: str | None, params: Mapping[str, str]) -> str:
    """
    Return the URL to request, encoded so that no HTTP library changes it on the way.

    :param bucket: full name; None for the account
    :param key: of an object; None for the bucket itself
    :param params: query parameters, not encoded
    :raises COSInventoryConfigurationError: where bucket or key cannot be addressed
    """
    host = request_host(settings, bucket)
    scheme, _, place = (settings.endpoint_url or f"https://{host}").rstrip("/").partition("://")
    # What follows compares the scheme, which may be written HTTP.
    base = f"{scheme.lower()}://{place}"
    query = "&".join(f"{quote(name, _UNRESERVED)}={quote(value, _UNRESERVED)}" for name, value in params.items())
    return f"{base}/{_encoded(key, bucket)}{'?' if query else ''}{query}"


def _encoded(key: str | None, bucket: str | None) -> str:
    if key is None:
        return ""
    try:
        path = quote(key, "/" + _UNRESERVED)
    except UnicodeEncodeError:
        path = ""
    # What is empty, or nothing but dots, would address the bucket instead of an object.
    if path in ("", ".", ".."):
        raise COSInventoryConfigurationError(
            f"{quoted(key)} is not a key that can be addressed.",
            parameter="key",
            bucket=bucket,
            hint="A key is UTF-8 text, not empty, and neither '.' nor '..'.",
        )
    # HTTP libraries squeeze slashes at the start of a path, and resolve "." and ".." between slashes (RFC 3986,
    # 5.2.4). An encoded slash is left alone by them and means the same to COS.
    bare = path.lstrip("/")
    path = "%2F" * (len(path) - len(bare)) + bare
    path = path.replace("./", ".%2F")
    if path.endswith(("/.", "/..")):
        head, _, last = path.rpartition("/")
        path = f"{head}%2F{last}"
    return path
