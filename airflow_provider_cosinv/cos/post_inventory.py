# SPDX-License-Identifier: Apache-2.0
"""One submission of a one-time inventory (436/46869), tried until it is known to be accepted, once."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Protocol

from airflow_provider_cosinv.cos.protocol.models import SubmittedInventory
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import (
    BODY_LIMIT,
    ERROR_TAG,
    Answer,
    check_success,
    details_of,
    read_document,
    refusal,
)
from airflow_provider_cosinv.cos.transport import Transport, may_have_arrived
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryError,
    COSInventoryRequestError,
    COSInventoryTransientError,
    COSInventoryUnansweredError,
    shown,
)
from airflow_provider_cosinv.inventory.xml import text_of

log = logging.getLogger(__name__)

_IN_DOUBT = (
    "Whether COS has accepted the inventory is not known; sending it again under the same id cannot start a second one."
)


class SubmissionJournal(Protocol):
    """Where a caller records what a crash of its process must not make it forget."""

    def sending(self) -> None:
        """Record that COS may accept the inventory from now on; if this fails, nothing is sent."""

    def refused(self) -> None:
        """Record that COS has accepted nothing: it said so."""


class PostInventory:
    """
    The tries of one call, which all carry the same inventory id: it tells COS that they are one.

    :param transport: the way to COS
    :param request: POST Bucket inventory
    :param region: that the client uses, for the hint of an error
    :param journal: told before the first byte of a try leaves, and when COS has refused all that was sent
    """

    def __init__(
        self, *, transport: Transport, request: COSRequest, region: str, journal: SubmissionJournal | None = None
    ) -> None:
        self._transport = transport
        self._request = request
        self._region = region
        self._journal = journal
        self._is_recorded = False
        #: Some try got no answer, so that COS may have accepted it.
        self.may_have_arrived = False

    def attempt(self) -> SubmittedInventory:
        """
        Send the request once.

        :raises COSInventoryDuplicateError: where the id was used before the first attempt
        :raises COSInventoryTransientError: where another attempt may succeed
        :raises COSInventoryError: of the class for any other refusal
        :raises UnrecordedError: if the journal failed, so that nothing was sent
        """
        try:
            answer = self._transport.exchange(self._request, limit=BODY_LIMIT, on_sending=self._record)
            return self._judge(answer)
        except COSInventoryError as error:
            if isinstance(error, COSInventoryTransientError):
                self.may_have_arrived = self.may_have_arrived or may_have_arrived(error)
            self._withdraw(error)
            raise

    def in_doubt(self, error: COSInventoryError) -> COSInventoryError:
        """
        Return the error of a call some try of which got no answer: it must not read as if nothing was submitted.

        :param error: of the last try
        """
        cls = COSInventoryUnansweredError if isinstance(error, COSInventoryTransientError) else type(error)
        hint = error.hint or ""
        if not hint.endswith(_IN_DOUBT):
            hint = f"{hint} {_IN_DOUBT}".lstrip()
        return cls(error.message, **{**error.details(), "hint": hint})

    def _record(self) -> None:
        if self._journal and not self._is_recorded:
            self._journal.sending()
            self._is_recorded = True

    def _withdraw(self, error: COSInventoryError) -> None:
        # A process that ends during the pause before the next try must not leave behind that COS may have accepted.
        if self._journal and self._is_recorded and not self.may_have_arrived and _is_refusal(error):
            self._journal.refused()
            self._is_recorded = False

    def _judge(self, answer: Answer) -> SubmittedInventory:
        try:
            return submitted(answer, self._request, region=self._region)
        except COSInventoryDuplicateError as error:
            if not self.may_have_arrived:
                raise
            log.warning(
                "COS accepted inventory %s of bucket %s at an earlier try of this call, whose answer was lost; so its "
                "JobId is not known (request id %s).",
                self._request.params["id"],
                self._request.bucket,
                error.request_id,
            )
            return SubmittedInventory(
                job_id=None, request_id=error.request_id, server_time=answer.server_time, attached=True
            )


def _is_refusal(error: COSInventoryError) -> bool:
    if isinstance(error, COSInventoryTransientError):
        return not may_have_arrived(error)
    status = error.status or HTTPStatus.OK
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def submitted(answer: Answer, request: COSRequest, *, region: str) -> SubmittedInventory:
    """
    Return what COS accepted.

    COS has accepted the inventory where it answers 2xx, whatever the body is like: older editions send none, and a
    body can be lost on the way. That it was COS is known by the request id, which it always sends.

    :param region: that the client uses, for the hint of an error
    :raises COSInventoryError: of the class for a refusal
    :raises COSInventoryRequestError: where the answer is not one of COS
    """
    check_success(answer, request, region=region)
    root = None if answer.is_cut or answer.is_too_long else read_document(answer)
    if root is not None and root.tag == ERROR_TAG:
        raise refusal(answer, request, region=region, document=root)
    is_result = root is not None and root.tag == "PostInventoryResult"
    is_empty = not answer.body.strip() and not answer.is_cut
    if not is_result and answer.request_id is None:
        raise COSInventoryRequestError(
            "The inventory got an answer that is not one of COS, which always sends a request id.",
            hint=f"Check endpoint_url and proxies: a gateway or login page may have answered. {_IN_DOUBT}",
            **details_of(answer, request),
        )
    job_id = text_of(root, "JobId") if root is not None and is_result else None
    if job_id is None:
        log.warning(
            "COS accepted inventory %s of bucket %s, but its JobId is not known: the answer %s (request id %s).",
            request.params["id"],
            request.bucket,
            "holds none" if is_result or is_empty else "cannot be read",
            answer.request_id,
        )
    return SubmittedInventory(
        job_id=job_id and shown(job_id),
        request_id=answer.request_id,
        server_time=answer.server_time,
    )
