# SPDX-License-Identifier: Apache-2.0
"""The filesystem of a connection, as Airflow asks for it: ``ObjectStoragePath("cos://cos_default@bucket-APPID/key")``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

#: What Airflow knows the filesystem by.
schemes = ["cos"]


def get_fs(conn_id: str | None, storage_options: Mapping[str, Any] | None = None) -> AbstractFileSystem:
    """
    Return the filesystem of a connection; the connection is read when a path is first used.

    :param conn_id: the Airflow connection, of type ``cos``; default: ``cos_default``
    :param storage_options: ``region`` of the buckets; default: the connection's
    :raises COSInventoryConfigurationError: if there is another option
    """
    # Airflow imports this module when any path is made, of whatever scheme.
    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
    from airflow_provider_cosinv.processing.cos_files import COSFileSystem

    options = dict(storage_options or {})
    region = options.pop("region", None)
    if options:
        raise COSInventoryConfigurationError(
            f"{quoted(min(options))} is not a storage option of cos://.",
            parameter="storage_options",
            hint="Use region, or none; everything else is in the connection.",
        )
    hook = COSInventoryHook(cos_conn_id=conn_id or COSInventoryHook.default_conn_name, region=region)
    return COSFileSystem(client=hook.get_conn)
