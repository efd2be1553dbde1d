# SPDX-License-Identifier: Apache-2.0
"""What an answer of COS means: an error of the tree, or success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from airflow_provider_cosinv.cos.hints import hint_for
from airflow_provider_cosinv.cos.operations import COSRequest
from airflow_provider_cosinv.cos.results import ObjectInfo
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.inventory.xmltree import parse_xml, text_of

#: Bytes of an answer that are read at most. A page of a listing has 1,000 keys of up to 850 bytes, percent-encoded.
BODY_LIMIT = 1024 * 1024
PAGE_LIMIT = 16 * 1024 * 1024

#: Root of an error document (436/7730).
ERROR_TAG = "Error"

_MESSAGE_LIMIT = 500
_DUPLICATE = "DuplicateInventoryId"
_REFUSED = 400

_CLASS_BY_CODE: Mapping[str, type[COSInventoryError]] = {
    # Its status is on no page.
    _DUPLICATE: COSInventoryDuplicateError,
    "SlowDown": COSInventoryThrottledError,
    "RequestTimeout": COSInventoryTransientError,
    # Also below a 200, where joining the parts of an upload fails after COS began to answer.
    "InternalError": COSInventoryTransientError,
    "ServiceUnavailable": COSInventoryTransientError,
    # 400, but about who asks.
    "ExpiredToken": COSInventoryPermissionError,
    "InvalidToken": COSInventoryPermissionError,
}
_CLASS_BY_STATUS: Mapping[int, type[COSInventoryError]] = {
    401: COSInventoryPermissionError,
    403: COSInventoryPermissionError,
    404: COSInventoryNotFoundError,
    408: COSInventoryTransientError,
    429: COSInventoryThrottledError,
    # The two answers of a server that the same request gets for ever.
    501: COSInventoryRequestError,
    505: COSInventoryRequestError,
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    An answer of COS.

    :param status: HTTP status
    :param headers: names in lower case
    :param body: what was read of it
    :param is_cut: the connection ended before the body did
    :param is_too_long: the body is longer than was asked for; the rest was not read
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    is_cut: bool = False
    is_too_long: bool = False

    @property
    def is_success(self) -> bool:
        """Return whether COS did what was asked: 2xx, and nothing else."""
        return 200 <= self.status < 300  # noqa: PLR2004  the successes

    @property
    def request_id(self) -> str | None:
        """Return ``x-cos-request-id``, which every answer of COS has (436/7729) and a proxy's has not."""
        return self.headers.get("x-cos-request-id") or None

    @property
    def server_time(self) -> datetime | None:
        """Return the answer's ``Date``, aware, in UTC."""
        return read_http_date(self.headers.get("date"))

    def content_length(self) -> int | None:
        """Return the length of the body as announced, bytes."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None


def check_success(answer: Answer, request: COSRequest, *, region: str) -> None:
    """
    Raise the error that an answer stands for, if it does: 2xx alone is success.

    :param region: that the client uses, for the hint
    :raises COSInventoryError: of the class for the answer
    """
    if not answer.is_success:
        raise refusal(answer, request, region=region)


def refusal(answer: Answer, request: COSRequest, *, region: str) -> COSInventoryError:
    """Return the error that an answer stands for, told by Code, then by status."""
    code, message = _error_document(answer.body)
    status = answer.status
    cls = _CLASS_BY_CODE.get(code or "") or _CLASS_BY_STATUS.get(status)
    if cls is None:
        cls = COSInventoryTransientError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else COSInventoryRequestError
    if 300 <= status < _REFUSED:  # noqa: PLR2004  the redirects
        text = f"{request.operation.title} was redirected to {_where_to(answer)}."
    else:
        said = message or code or _phrase(status)
        text = f"{request.operation.title} failed: {said}{'' if said.endswith('.') else '.'}"
    return cls(
        text,
        hint=hint_for(request, region=region, status=status, code=code, message=message),
        code=code,
        **details_of(answer, request),
    )


def details_of(answer: Answer, request: COSRequest) -> dict[str, Any]:
    """Return what every error about an answer carries."""
    return {
        "status": answer.status,
        "request_id": answer.request_id,
        "trace_id": answer.headers.get("x-cos-trace-id") or None,
        "bucket": request.bucket,
        "key": request.key,
    }


def document_of(answer: Answer, request: COSRequest, root_tag: str, *, region: str) -> Element:
    """
    Return the XML document of a successful answer.

    :param root_tag: the element that it must be
    :param region: that the client uses, for the hint of an error
    :raises COSInventoryError: of the class for the error document that stands there instead
    :raises COSInventoryTransientError: where the connection ended too early
    :raises COSInventoryRequestError: where the body is no such document
    """
    if answer.is_cut:
        raise cut_short(answer, request)
    root = None if answer.is_too_long else read_document(answer.body)
    if root is not None and root.tag == ERROR_TAG:
        raise refusal(answer, request, region=region)
    if root is None or root.tag != root_tag:
        raise COSInventoryRequestError(
            f"The answer to {request.operation.title} is no {root_tag} document"
            f"{' of reasonable length' if answer.is_too_long else ''}.",
            hint="Check endpoint_url and proxies: what answered may not be COS.",
            **details_of(answer, request),
        )
    return root


def cut_short(answer: Answer, request: COSRequest) -> COSInventoryTransientError:
    """Return the error for a connection that ended before the body did."""
    return COSInventoryTransientError(
        f"The connection ended in the middle of the answer to {request.operation.title}.",
        hint="Check the network to COS.",
        **details_of(answer, request),
    )


def too_long(answer: Answer, request: COSRequest, max_bytes: int) -> COSInventoryRequestError:
    """Return the error for an object that is longer than the caller wants to hold."""
    return COSInventoryRequestError(
        f"The object is longer than the {max_bytes} bytes that are read of it.",
        hint="Check the key: this is not the object that was expected there.",
        **details_of(answer, request),
    )


def unusable_page(answer: Answer, request: COSRequest, reason: object) -> COSInventoryRequestError:
    """Return the error for a page of a listing that cannot be used, so that none ends too early, or never."""
    return COSInventoryRequestError(
        f"{request.operation.title} cannot be read: {reason}.",
        hint="Check endpoint_url and proxies: what answered may not be COS, or a cache.",
        **details_of(answer, request),
    )


def read_document(body: bytes) -> Element | None:
    """Return the document, or None where the bytes are not the kind of XML that COS sends."""
    try:
        return parse_xml(body)
    except (ValueError, LookupError):
        # LookupError: an encoding that Python does not know.
        return None


def object_info(answer: Answer) -> ObjectInfo:
    """Return the headers of an object; the size is the one of this answer's body."""
    return ObjectInfo(
        size=answer.content_length(),
        etag=unquoted(answer.headers.get("etag")),
        last_modified=read_http_date(answer.headers.get("last-modified")),
        server_time=answer.server_time,
    )


def unquoted(etag: str | None) -> str | None:
    """Return an ETag without the quotes around it."""
    return (etag or "").strip().removeprefix("W/").strip('"') or None


def read_http_date(text: str | None) -> datetime | None:
    """Return an HTTP date as an aware time in UTC; None where it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def _error_document(body: bytes) -> tuple[str | None, str | None]:
    root = read_document(body)
    if root is None or root.tag != ERROR_TAG:
        return None, None
    message = text_of(root, "Message")
    return text_of(root, "Code"), message[:_MESSAGE_LIMIT] if message else None


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"


def _where_to(answer: Answer) -> str:
    # The host alone: a query may hold a signature.
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return host or "an address that the answer does not name"
