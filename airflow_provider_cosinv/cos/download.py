# SPDX-License-Identifier: Apache-2.0
"""One download that survives cuts: it goes on where it stopped, and only in the same object; and parts of an object."""

from __future__ import annotations

import zlib
from io import BytesIO

import requests

from airflow_provider_cosinv.cos.network.errors import network_error
from airflow_provider_cosinv.cos.network.pace import paced
from airflow_provider_cosinv.cos.protocol.operations import GET_OBJECT, COSRequest
from airflow_provider_cosinv.cos.protocol.responses import (
    ERROR_LIMIT,
    Answer,
    another_part,
    check_success,
    cut_short,
    details_of,
    encoded_on_the_way,
    unquoted,
)
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.cos.transport import READ_ERRORS, Transport, headers_of
from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryRequestError

_OK = 200
_PARTIAL = 206
_NO_SUCH_RANGE = 416
_PIECE = 256 * 1024
_GZIP = b"\x1f\x8b"


class Download:
    """
    The bytes of one object, piece by piece. Not for use by several threads.

    :param transport: the way to COS
    :param settings: of the client
    :param bucket: full name
    :param key: of the object
    :param chunk_size: bytes that are held at once
    :param size: bytes that the object is to have; None if the caller does not know. With it, a connection that ended
        too early is noticed even if no answer says how long it is, and so is an object that a gateway changed
    """

    def __init__(
        self,
        *,
        transport: Transport,
        settings: ClientSettings,
        bucket: str,
        key: str,
        chunk_size: int,
        size: int | None = None,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._bucket = bucket
        self._key = key
        self._chunk_size = chunk_size
        self._expected = size
        self._offset = 0
        self._etag: str | None = None
        # As an answer said it: the object may have more bytes or fewer than the caller expects.
        self._size: int | None = None
        self._opened: tuple[requests.Response, Answer] | None = None
        self._request = self._make_request()

    def next_piece(self) -> bytes:
        """
        Return the next bytes, at most ``chunk_size``; none at the end of the object.

        After a COSInventoryTransientError it may be called again: it asks COS for the rest.

        :raises COSInventoryTransientError: if the connection was cut
        :raises COSInventoryCorruptReportError: if the object was replaced since the first piece
        :raises COSInventoryError: of the class for any other answer of COS
        """
        if self._size is not None and self._offset >= self._size:
            self.close()
            return b""
        if self._opened is None:
            self._opened = self._open()
        response, answer = self._opened
        if answer.status == _NO_SUCH_RANGE:
            # No answer said how long the object is, and it has no more.
            self.close()
            return b""
        try:
            with paced(self._settings.timeout):
                piece: bytes = response.raw.read(self._chunk_size, decode_content=False)
        except READ_ERRORS as error:
            self.close()
            raise network_error(error, self._request, self._settings) from error
        is_packed = not self._offset and _is_packed_twice(piece)
        self._offset += len(piece)
        if answer.content_encoding and (is_packed or self._is_changed(at_end=not piece)):
            self.close()
            raise encoded_on_the_way(answer, self._request)
        if not piece:
            self.close()
            if self._offset < ((self._expected or 0) if self._size is None else self._size):
                raise cut_short(answer, self._request)
        return piece

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._opened is not None:
            self._opened[0].close()
        self._opened = None

    def _is_changed(self, *, at_end: bool) -> bool:
        """Return whether these cannot be the bytes that the object is to have."""
        if self._expected is None:
            return False
        if self._size is not None:
            return self._size != self._expected
        return self._offset > self._expected or (at_end and self._offset < self._expected)

    def _make_request(self) -> COSRequest:
        # No If-Match: a gateway that makes an ETag weak, or leaves it out, would turn the same object into another.
        headers = {"Range": f"bytes={self._offset}-"} if self._offset else {}
        return COSRequest(operation=GET_OBJECT, bucket=self._bucket, key=self._key, headers=headers)

    def _open(self) -> tuple[requests.Response, Answer]:
        self._request = self._make_request()
        with paced(self._settings.timeout):
            response = self._transport.open(self._request)
            try:
                answer = self._judge(response)
            except BaseException:
                response.close()
                raise
        return response, answer

    def _judge(self, response: requests.Response) -> Answer:
        answer = _answer_of(response)
        if self._offset and answer.status == _NO_SUCH_RANGE:
            if self._size is None:
                return answer
            raise _replaced(answer, self._request)
        check_success(answer, self._request, region=self._settings.region)
        etag = unquoted(answer.headers.get("etag"))
        if not self._offset:
            self._etag = etag
            self._begin(answer)
            return answer
        # If an answer has none, the MD5 of the whole decides, which the caller knows.
        if self._etag and etag and self._etag != etag:
            raise _replaced(answer, self._request)
        if answer.status == _PARTIAL:
            self._go_on(answer)
        else:
            # Something between does not know ranges and sends the whole object again.
            self._skip(response, answer)
        return answer

    def _begin(self, answer: Answer) -> None:
        found = answer.content_range
        if found is None:
            self._size = answer.content_length()
        elif found.first == 0:
            # A gateway may send an object in slices: the rest is asked for.
            self._size = found.size
        else:
            raise another_part(answer, self._request)

    def _go_on(self, answer: Answer) -> None:
        found = answer.content_range
        if not found or found.first != self._offset:
            raise another_part(answer, self._request)
        if self._size is None:
            self._size = found.size
        elif found.size not in (None, self._size):
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


def _is_packed_twice(piece: bytes) -> bool:
    """Return whether what gzip packed is gzip again: data files are packed once."""
    try:
        return piece.startswith(_GZIP) and zlib.decompressobj(31).decompress(piece[:_PIECE], len(_GZIP)) == _GZIP
    except zlib.error:
        return False


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
    request = COSRequest(operation=GET_OBJECT, bucket=bucket, key=key, headers=headers)
    with paced(settings.timeout):
        return _read_range(transport, settings, request, start=start, length=length, etag=if_match)


def _read_range(
    transport: Transport, settings: ClientSettings, request: COSRequest, *, start: int, length: int, etag: str | None
) -> bytes:
    response = transport.open(request)
    try:
        answer = _answer_of(response)
        if etag is not None and answer.status == _NO_SUCH_RANGE:
            raise _replaced(answer, request)
        check_success(answer, request, region=settings.region)
        if etag is not None:
            _check_etag(answer, request, etag)
        found = answer.content_range
        if not found or (found.first, found.last) != (start, start + length - 1):
            raise another_part(answer, request)
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


def _check_etag(answer: Answer, request: COSRequest, expected: str) -> None:
    # Not by If-Match, which no weak ETag meets.
    etag = unquoted(answer.headers.get("etag"))
    if etag is None:
        # No MD5 of the whole is known that could tell.
        raise COSInventoryRequestError(
            "The answer has no ETag, so it may be of another object than the parts before it.",
            hint="Let the gateway or proxy between here and COS pass the ETag on.",
            **details_of(answer, request),
        )
    if etag != expected:
        raise _replaced(answer, request)


def _answer_of(response: requests.Response) -> Answer:
    """Return an answer whose body is unread where it is a success."""
    status = response.status_code
    body = b"" if status in (_OK, _PARTIAL) else _error_body(response)
    return Answer(status=status, headers=headers_of(response), body=body)


def _error_body(response: requests.Response) -> bytes:
    try:
        body: bytes = response.raw.read(ERROR_LIMIT, decode_content=False)
    except READ_ERRORS:
        return b""
    return body


def _replaced(answer: Answer, request: COSRequest) -> COSInventoryCorruptReportError:
    return COSInventoryCorruptReportError(
        "The object was replaced while it was read.",
        hint="Read it again from the start; a report that changes is not finished, or written by two.",
        **details_of(answer, request),
    )
