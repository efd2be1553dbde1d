# SPDX-License-Identifier: Apache-2.0
"""One download that survives cuts: it goes on where it stopped, and only in the same object; and parts of an object."""

from __future__ import annotations

import re
from io import BytesIO

import requests

from airflow_provider_cosinv.cos.answers import Answer, check_success, cut_short, details_of, unquoted
from airflow_provider_cosinv.cos.network import network_error
from airflow_provider_cosinv.cos.operations import GET_OBJECT, COSRequest
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.cos.transport import READ_ERRORS, Transport, headers_of
from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryRequestError

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_OK = 200
_PARTIAL = 206
# Precondition failed, range not satisfiable: what If-Match held for is gone.
_REPLACED = (412, 416)
_ERROR_BODY = 64 * 1024
_PIECE = 256 * 1024


class Download:
    """
    The bytes of one object, piece by piece. Not for use by several threads.

    :param transport: the way to COS
    :param settings: of the client
    :param bucket: full name
    :param key: of the object
    :param chunk_size: bytes that are held at once
    """

    def __init__(
        self, *, transport: Transport, settings: ClientSettings, bucket: str, key: str, chunk_size: int
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._bucket = bucket
        self._key = key
        self._chunk_size = chunk_size
        self._offset = 0
        self._etag: str | None = None
        self._size: int | None = None
        self._opened: tuple[requests.Response, Answer] | None = None
        self._request = self._make_request()

    def next_piece(self) -> bytes:
        """
        Return the next bytes, at most ``chunk_size``; none at the end of the object.

        After a COSInventoryTransientError it may be called again: it asks COS for the rest.

        :raises COSInventoryTransientError: where the connection was cut
        :raises COSInventoryCorruptReportError: where the object was replaced since the first piece
        :raises COSInventoryError: of the class for any other answer of COS
        """
        if self._size is not None and self._offset >= self._size:
            self.close()
            return b""
        if self._opened is None:
            self._opened = self._open()
        response, answer = self._opened
        try:
            piece: bytes = response.raw.read(self._chunk_size, decode_content=False)
        except READ_ERRORS as error:
            self.close()
            raise network_error(error, self._request, self._settings) from error
        self._offset += len(piece)
        if not piece:
            self.close()
            if self._size is not None and self._offset < self._size:
                raise cut_short(answer, self._request)
        return piece

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._opened is not None:
            self._opened[0].close()
        self._opened = None

    def _make_request(self) -> COSRequest:
        headers = {}
        if self._offset:
            headers["Range"] = f"bytes={self._offset}-"
            if self._etag:
                headers["If-Match"] = self._etag
        return COSRequest(operation=GET_OBJECT, bucket=self._bucket, key=self._key, headers=headers)

    def _open(self) -> tuple[requests.Response, Answer]:
        self._request = self._make_request()
        response = self._transport.open(self._request)
        try:
            answer = self._judge(response)
        except BaseException:
            response.close()
            raise
        return response, answer

    def _judge(self, response: requests.Response) -> Answer:
        answer = _answer_of(response)
        if self._offset and answer.status in _REPLACED:
            raise _replaced(answer, self._request)
        check_success(answer, self._request, region=self._settings.region)
        if not self._offset:
            self._etag = answer.headers.get("etag")
            self._size = answer.content_length()
            return answer
        if self._etag != answer.headers.get("etag"):
            raise _replaced(answer, self._request)
        if answer.status == _PARTIAL:
            self._check_range(answer)
        else:
            # Something between does not know ranges and sends the whole object again.
            self._skip(response, answer)
        return answer

    def _check_range(self, answer: Answer) -> None:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        if not found or int(found[1]) != self._offset:
            raise _another_part(answer, self._request)
        if found[3] != "*" and self._size is not None and int(found[3]) != self._size:
            raise _replaced(answer, self._request)

    def _skip(self, response: requests.Response, answer: Answer) -> None:
        if self._size is not None and answer.content_length() not in (None, self._size):
            raise _replaced(answer, self._request)
        missing = self._offset
        while missing:
            try:
                piece = response.raw.read(min(missing, self._chunk_size), decode_content=False)
            except READ_ERRORS as error:
                raise network_error(error, self._request, self._settings) from error
            if not piece:
                raise cut_short(answer, self._request)
            missing -= len(piece)


def read_range(
    transport: Transport,
    settings: ClientSettings,
    *,
    bucket: str,
    key: str,
    start: int,
    length: int,
    if_match: str | None,
) -> bytes:
    """
    Return some bytes of an object, in one request: all of them or none.

    :param start: offset of the first
    :param length: how many, at least 1; the object must have them
    :param if_match: ETag, without quotes, of the object that they must be of
    :raises COSInventoryTransientError: where the connection was cut
    :raises COSInventoryCorruptReportError: where the object is not that one any more
    :raises COSInventoryError: of the class for any other answer of COS
    """
    headers = {"Range": f"bytes={start}-{start + length - 1}"}
    if if_match is not None:
        headers["If-Match"] = f'"{if_match}"'
    request = COSRequest(operation=GET_OBJECT, bucket=bucket, key=key, headers=headers)
    response = transport.open(request)
    try:
        answer = _answer_of(response)
        if if_match is not None and answer.status in _REPLACED:
            raise _replaced(answer, request)
        check_success(answer, request, region=settings.region)
        if if_match is not None and unquoted(answer.headers.get("etag")) != if_match:
            raise _replaced(answer, request)
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        if answer.status != _PARTIAL or not found or (int(found[1]), int(found[2])) != (start, start + length - 1):
            raise _another_part(answer, request)
        # It grows without a second copy, which matters where threads read many megabytes each.
        body = BytesIO()
        while (missing := length - body.tell()) and (
            piece := response.raw.read(min(missing, _PIECE), decode_content=False)
        ):
            body.write(piece)
    except READ_ERRORS as error:
        raise network_error(error, request, settings) from error
    finally:
        response.close()
    if missing:
        raise cut_short(answer, request)
    return body.getvalue()


def _answer_of(response: requests.Response) -> Answer:
    """Return an answer whose body is unread where it is a success."""
    status = response.status_code
    body = b"" if status in (_OK, _PARTIAL) else _error_body(response)
    return Answer(status=status, headers=headers_of(response), body=body)


def _error_body(response: requests.Response) -> bytes:
    try:
        body: bytes = response.raw.read(_ERROR_BODY, decode_content=False)
    except READ_ERRORS:
        return b""
    return body


def _replaced(answer: Answer, request: COSRequest) -> COSInventoryCorruptReportError:
    return COSInventoryCorruptReportError(
        "The object was replaced while it was read.",
        hint="Read it again from the start; a report that changes is not finished, or written by two.",
        **details_of(answer, request),
    )


def _another_part(answer: Answer, request: COSRequest) -> COSInventoryRequestError:
    asked = request.headers.get("Range", "")
    return COSInventoryRequestError(
        f"COS was asked for a part of the object ({asked}) and sent another part.",
        hint="Check endpoint_url and proxies: what answered may not be COS.",
        **details_of(answer, request),
    )
