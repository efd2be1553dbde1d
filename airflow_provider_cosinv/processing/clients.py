# SPDX-License-Identifier: Apache-2.0
"""The COS clients that a piece of work may need, made when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_cosinv.processing.source import PartsSource, ReportSource

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient


@dataclass(frozen=True, kw_only=True)
class Clients:
    """
    The COS clients that a piece of work may need.

    :param default: returns the client of the task's own region: that of its ``region``, or else of the connection
    :param in_region: returns the client of a region, such as ``ap-guangzhou``
    :param has_region: whether the task names a region
    """

    default: Callable[[], COSClient]
    in_region: Callable[[str], COSClient]
    has_region: bool

    def for_result_of(self, source: ReportSource | PartsSource) -> COSClient:
        """
        Return the client for a result: of the task's own region if it names one, otherwise of the report's.

        :param source: input of the result
        """
        if self.has_region or isinstance(source, PartsSource):
            return self.default()
        return self.in_region(source.report.region)
