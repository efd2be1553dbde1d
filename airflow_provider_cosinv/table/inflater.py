# SPDX-License-Identifier: Apache-2.0
"""The fastest library at hand that inflates gzip."""

from __future__ import annotations

from typing import cast

from airflow_provider_cosinv.inventory.rows.verified_bytes import Inflater


def fastest_inflater() -> Inflater | None:
    """Return isal, which inflates three times as fast as zlib; None, which means zlib, if it is not installed."""
    try:
        from isal import igzip_lib
    except ImportError:
        return None
    return Inflater(
        lambda: igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP), cast("type[Exception]", igzip_lib.error)
    )
