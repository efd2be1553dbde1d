# SPDX-License-Identifier: Apache-2.0
"""What an answer of COS means: an error of the tree, or success."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from airflow_provider_cosinv.cos.network.errors import was_slow
from airflow_provider_cosinv.cos.protocol.hints import hint_for
from airflow_provider_cosinv.cos.protocol.models import ObjectInfo
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.exceptions import (
    COSInventoryDuplicateError,
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryThrottledError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.inventory.xml import XMLReader, text_of

#: Bytes of an answer that are read at most. A page of a listing has 1,000 keys of up to 850 bytes, percent-encoded,
#: with some 500 bytes around each.
BODY_LIMIT = 1024 * 1024
PAGE_LIMIT = 4 * 1024 * 1024
#: Bytes that are read at most of an answer that is an error.
ERROR_LIMIT = 64 * 1024

#: Root of an error document (436/7730).
ERROR_TAG = "Error"

_DUPLICATE = "DuplicateInventoryId"
_REFUSED = 400
_PARTIAL = 206
# Longer numbers are none that COS sends, and Python refuses to read them from 4,300 digits on.
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
# Dates that can be compared, and moved by a time zone, without leaving Python's calendar.
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
# zlib reads the header of either: gzip, or zlib.
_DEFLATED = {"gzip": 47, "x-gzip": 47, "deflate": 47}
_PLAIN = ("", "identity", "aws-chunked")

_CLASS_BY_CODE: Mapping[str, type[COSInventoryError]] = {
    # Its status is on no page.
    _DUPLICATE: COSInventoryDuplicateError,
    "SlowDown": COSInventoryThrottledError,
    "RequestTimeout": COSInventoryTransientError,
    # Also below a 200, where joining the parts of an upload fails after COS began to answer.
    "InternalError": COSInventoryTransientError,
    "ServiceUnavailable": COSInventoryTransientError,
    # HTTP 400, but a credential error.
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


class ContentRange(NamedTuple):
    """
    Which bytes of an object an answer has.

    :param first: offset of the first
    :param last: offset of the last
    :param size: of the whole object; None where the answer does not say
    """

    first: int
    last: int
    size: int | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    An answer of COS.

    :param status: HTTP status
    :param headers: names in lower case, values as :func:`received_headers` returns them
    :param body: what was read of it
    :param is_cut: the connection ended before the body did
    :param cut_by: what ended it, if that is known
    :param is_too_long: the body is longer than was asked for; the rest was not read
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    is_cut: bool = False
    cut_by: BaseException | None = None
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
        return int(text) if _LENGTH.fullmatch(text) else None

    @property
    def content_range(self) -> ContentRange | None:
        """Return which bytes of the object a 206 has; None where it is none or does not say."""
        found = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "")) if self.status == _PARTIAL else None
        if found is None:
            return None
        return ContentRange(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))

    @property
    def content_encoding(self) -> str | None:
        """Return the Content-Encoding; None where the bytes are as they are."""
        text = self.headers.get("content-encoding", "").strip().lower()
        return None if text in _PLAIN else text


def received_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """
    Return the headers of an answer: names in lower case, values printable and of bounded length.

    :param headers: as the HTTP library has them, which may be no valid Unicode
    """
    return {name.lower(): shown(value) for name, value in headers}


def check_success(answer: Answer, request: COSRequest, *, region: str) -> None:
    """
    Raise the error that an answer stands for, if it does: 2xx alone is success.

    :param region: that the client uses, for the hint
    :raises COSInventoryError: of the class for the answer
    """
    if not answer.is_success:
        raise refusal(answer, request, region=region)


def check_whole(answer: Answer, request: COSRequest) -> None:
    """
    Check that a successful answer to a request without a range has the whole object, also where it is a 206.

    :raises COSInventoryRequestError: where it says that it has a part
    """
    found = answer.content_range
    if found is not None and (found.first > 0 or found.size not in (None, found.last + 1)):
        raise another_part(answer, request)


def another_part(answer: Answer, request: COSRequest) -> COSInventoryRequestError:
    """Return the error for other bytes of the object than were asked for."""
    asked = request.headers.get("Range")
    what = f"a part of the object ({asked})" if asked else "the whole object"
    return COSInventoryRequestError(
        f"COS was asked for {what} and sent another part.",
        hint="Check endpoint_url and proxies: what answered may not be COS.",
        **details_of(answer, request),
    )


def encoded_on_the_way(answer: Answer, request: COSRequest) -> COSInventoryRequestError:
    """Return the error for bytes that a gateway changed: the answer says how."""
    return COSInventoryRequestError(
        "The object did not come as it is stored: the answer, which was to be plain, has Content-Encoding "
        f"{shown(answer.content_encoding)}.",
        hint="Turn off compression in the gateway or proxy between here and COS.",
        **details_of(answer, request),
    )


def refusal(answer: Answer, request: COSRequest, *, region: str, document: Element | None = None) -> COSInventoryError:
    """
    Return the error that an answer stands for, told by Code, then by status.

    :param document: the answer's; without it, the body is read
    """
    code, message = _error_of(read_document(answer, may_be_cut=True) if document is None else document)
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
    root = None if answer.is_too_long else read_document(answer)
    return checked_document(root, answer, request, root_tag, region=region)


def checked_document(
    root: Element | None, answer: Answer, request: COSRequest, root_tag: str, *, region: str
) -> Element:
    """
    Return the XML document of a successful answer, once it is the one that it must be.

    :param root: None where the body is no document
    :param root_tag: the element that it must be
    :param region: that the client uses, for the hint of an error
    :raises COSInventoryError: of the class for the error document that stands there instead
    :raises COSInventoryRequestError: where the body is no such document
    """
    if root is not None and root.tag == ERROR_TAG:
        raise refusal(answer, request, region=region, document=root)
    if root is None or root.tag != root_tag:
        raise COSInventoryRequestError(
            f"The answer to {request.operation.title} is no {root_tag} document"
            f"{' of reasonable length' if answer.is_too_long else ''}"
            f"{f' (Content-Encoding {shown(answer.content_encoding)})' if answer.content_encoding else ''}.",
            hint="Check endpoint_url and proxies: what answered may not be COS.",
            **details_of(answer, request),
        )
    return root


def cut_short(answer: Answer, request: COSRequest) -> COSInventoryTransientError:
    """Return the error for a connection that ended before the body did."""
    what, hint = "The connection ended in the middle of", "Check the network to COS."
    if answer.cut_by is not None and was_slow(answer.cut_by):
        what, hint = "Too slow was", "Check the network to COS, or raise timeout in the connection."
    error = COSInventoryTransientError(
        f"{what} the answer to {request.operation.title}.", hint=hint, **details_of(answer, request)
    )
    error.__cause__ = answer.cut_by
    return error


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
        f"{request.operation.title} cannot be read: {shown(reason)}.",
        hint="Check endpoint_url and proxies: what answered may not be COS, or a cache.",
        **details_of(answer, request),
    )


def read_document(answer: Answer, *, may_be_cut: bool = False) -> Element | None:
    """
    Return the document, or None if the body is not the kind of XML that COS sends.

    :param may_be_cut: take what arrived of a document: of a long error the code comes first
    """
    reader = XMLReader()
    try:
        # A gateway may compress what COS writes for the moment, though it was asked not to.
        body = _inflated(answer.body, answer.content_encoding)
        reader.feed(body)
        return reader.close_early() if may_be_cut and len(body) >= ERROR_LIMIT else reader.close()
    except (ValueError, LookupError, zlib.error):
        # LookupError: an encoding that Python does not know.
        return None


def _inflated(body: bytes, encoding: str | None) -> bytes:
    if encoding not in _DEFLATED:
        return body
    return zlib.decompressobj(_DEFLATED[encoding]).decompress(body, PAGE_LIMIT)


def object_info(answer: Answer) -> ObjectInfo:
    """Return the headers of an object; the size is the one of this answer's body."""
    return ObjectInfo(
        size=answer.content_length(),
        etag=unquoted(answer.headers.get("etag")),
        last_modified=read_http_date(answer.headers.get("last-modified")),
        server_time=answer.server_time,
        content_encoding=answer.content_encoding,
    )


def unquoted(etag: str | None) -> str | None:
    """Return an ETag without the quotes around it, and without the mark of a weak one, which gateways make of it."""
    return (etag or "").strip().removeprefix("W/").removeprefix("w/").strip('"') or None


def read_http_date(text: str | None) -> datetime | None:
    """Return an HTTP date as an aware time in UTC; None where it is none, or not of a year of COS."""
    try:
        moment = parsedate_to_datetime(text or "")
        moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _error_of(root: Element | None) -> tuple[str | None, str | None]:
    if root is None or root.tag != ERROR_TAG:
        return None, None
    code, message = text_of(root, "Code"), text_of(root, "Message")
    return code and shown(code), message and shown(message)


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
