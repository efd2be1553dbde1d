# SPDX-License-Identifier: Apache-2.0
"""What every call of the sync client does: send, judge, try again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from xml.etree.ElementTree import Element

from tenacity import Retrying

from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import BODY_LIMIT, Answer, check_success, document_of
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.cos.transport import Transport

_T = TypeVar("_T")
_DEFAULT_POLICY = RetryPolicy()


class Caller:
    """
    Sends requests to the buckets of one region.

    :param settings: credentials, region and the way there
    :param retry_policy: how often and how patiently a request is sent again
    """

    def __init__(self, *, settings: ClientSettings, retry_policy: RetryPolicy = _DEFAULT_POLICY) -> None:
        self._settings = settings
        self._transport = Transport(settings=settings)
        self._retry_arguments = retry_policy.arguments()

    def _retrying(self, attempt: Callable[[], _T]) -> _T:
        return Retrying(**self._retry_arguments)(attempt)

    def _send(self, request: COSRequest) -> Answer:
        answer = self._transport.exchange(request, limit=BODY_LIMIT)
        check_success(answer, request, region=self._settings.region)
        return answer

    def _call(self, request: COSRequest) -> Answer:
        return self._retrying(lambda: self._send(request))

    def _document(self, request: COSRequest, root_tag: str, limit: int) -> tuple[Answer, Element]:
        def attempt() -> tuple[Answer, Element]:
            answer = self._transport.exchange(request, limit=limit)
            check_success(answer, request, region=self._settings.region)
            return answer, document_of(answer, request, root_tag, region=self._settings.region)

        return self._retrying(attempt)
