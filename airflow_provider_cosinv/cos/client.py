# SPDX-License-Identifier: Apache-2.0
"""The sync client of COS."""

from __future__ import annotations

from types import TracebackType
from typing import final

from airflow_provider_cosinv.cos.inventories import InventoryCalls
from airflow_provider_cosinv.cos.objects import ObjectCalls


@final
class COSClient(InventoryCalls, ObjectCalls):
    """
    Talks to the buckets of one region, through the SDK's signing and connections. Threads may share it.

    Every method raises ``COSInventoryConfigurationError`` for a bucket or key that cannot be addressed,
    ``COSInventoryPermissionError`` and ``COSInventoryNotFoundError`` for what COS refuses or does not find,
    ``COSInventoryRequestError`` for what else it refuses, and ``COSInventoryTransientError`` (throttling:
    ``COSInventoryThrottledError``) for what still failed at the last try.

    :param settings: credentials, region and the way there
    :param retry_policy: how often and how patiently a request is sent again
    """

    def __enter__(self) -> COSClient:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        self._transport.close()
