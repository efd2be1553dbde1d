# SPDX-License-Identifier: Apache-2.0
"""Uploads: small objects in one request, large ones in parts (436/7746, 436/7750, 436/7742, 436/7740)."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, SubElement, tostring

from airflow_provider_cosinv.cos.protocol import operations
from airflow_provider_cosinv.cos.protocol.models import ObjectInfo
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import (
    BODY_LIMIT,
    Answer,
    check_success,
    details_of,
    document_of,
    object_info,
    unquoted,
)
from airflow_provider_cosinv.cos.retrying import Caller
from airflow_provider_cosinv.exceptions import (
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryRequestError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.inventory.xml import text_of

log = logging.getLogger(__name__)

#: Bytes of a file that :meth:`UploadCalls.upload_file` sends in one request; COS takes 5 GB (436/7749).
SINGLE_PUT_LIMIT = 1024 * 1024 * 1024
#: Bytes of a part, which is held in memory; more where the file would have too many of them.
PART_SIZE = 32 * 1024 * 1024
#: Parts of an object, at most (436/7750).
MAX_PARTS = 10_000

_PIECE = 1024 * 1024
_GONE = "NoSuchUpload"


class UploadCalls(Caller):
    """Uploads. The old object stays visible until the new one is complete."""

    def upload_file(
        self, bucket: str, key: str, path: Path, *, threshold: int = SINGLE_PUT_LIMIT, part_size: int = PART_SIZE
    ) -> ObjectInfo:
        """
        Upload a file of any size, with the MD5 of each request.

        Needs ``name/cos:PutObject``, and for large files the four actions of a multipart upload. Parts are tried
        again one by one; where one fails for good, what was sent is removed from COS.

        :param path: of the file, which nobody writes to meanwhile
        :param threshold: bytes up to which a file is sent in one request
        :param part_size: bytes of a part
        :return: size, ETag and server time
        """
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= threshold:
                return self._put(COSRequest(operation=operations.PUT_OBJECT, bucket=bucket, key=key), file)
            part_size = max(part_size, -(-size // MAX_PARTS))
            upload = self._initiate(bucket, key)
            try:
                etags: list[str] = []
                while part := file.read(part_size):
                    etags.append(self._upload_part(upload, len(etags) + 1, part))
                return self._complete(upload, etags, size)
            except BaseException:
                self._abort(upload)
                raise

    def _put(self, request: COSRequest, body: bytes | BinaryIO) -> ObjectInfo:
        """Send a body with its MD5; a file from where it stands, and again from there."""
        start = 0 if isinstance(body, bytes) else body.tell()
        size, md5 = _measure(body)
        # An empty file would be sent in chunks, without a length.
        request = replace(request, headers={"Content-MD5": md5, **request.headers}, body=body if size else b"")

        def attempt() -> Answer:
            if not isinstance(body, bytes):
                body.seek(start)
            return self._send(request)

        info = object_info(self._retrying(attempt))
        return ObjectInfo(size=size, etag=info.etag, last_modified=None, server_time=info.server_time)

    def _initiate(self, bucket: str, key: str) -> COSRequest:
        """Return a request that names the new upload."""
        request = COSRequest(
            operation=operations.INITIATE_MULTIPART_UPLOAD, bucket=bucket, key=key, params={"uploads": ""}
        )
        answer, root = self._document(request, "InitiateMultipartUploadResult", BODY_LIMIT)
        upload_id = text_of(root, "UploadId")
        if upload_id is None:
            raise _without("UploadId", answer, request)
        return replace(request, params={"uploadId": upload_id})

    def _upload_part(self, upload: COSRequest, number: int, part: bytes) -> str:
        params = {"partNumber": str(number), **upload.params}
        request = replace(upload, operation=operations.UPLOAD_PART, params=params)
        # As a file: a time-out then is for each block that is sent, and not for the whole part.
        etag = self._put(request, BytesIO(part)).etag
        if etag is None:
            raise COSInventoryRequestError(
                "The answer to Upload Part has no ETag.",
                bucket=upload.bucket,
                key=upload.key,
                hint="Check endpoint_url and proxies: what answered may not be COS.",
            )
        return etag

    def _complete(self, upload: COSRequest, etags: Sequence[str], size: int) -> ObjectInfo:
        body = _list_of(etags)
        request = replace(
            upload,
            operation=operations.COMPLETE_MULTIPART_UPLOAD,
            headers={"Content-Type": "application/xml", "Content-MD5": _measure(body)[1]},
            body=body,
        )
        may_be_complete = False

        def attempt() -> ObjectInfo:
            nonlocal may_be_complete
            try:
                return self._completed(request, size)
            except COSInventoryTransientError:
                may_be_complete = True
                raise
            except COSInventoryNotFoundError as error:
                # An upload that was completed is gone: so says the second try where the first one's answer was lost.
                if error.code != _GONE or not may_be_complete:
                    raise
                found = self._found(upload, parts=len(etags), size=size)
                if found is None:
                    raise
                return found

        return self._retrying(attempt)

    def _completed(self, request: COSRequest, size: int) -> ObjectInfo:
        answer = self._transport.exchange(request, limit=BODY_LIMIT)
        check_success(answer, request, region=self._settings.region)
        # COS begins to answer before it joins the parts, sends blanks meanwhile, and then what came of it: that may
        # be an error below a 200.
        answer = replace(answer, body=answer.body.strip())
        root = document_of(answer, request, "CompleteMultipartUploadResult", region=self._settings.region)
        etag = unquoted(text_of(root, "ETag"))
        return ObjectInfo(size=size, etag=etag, last_modified=None, server_time=answer.server_time)

    def _found(self, upload: COSRequest, *, parts: int, size: int) -> ObjectInfo | None:
        """Return the object where it is the one that an upload makes: as long, and of as many parts."""
        request = COSRequest(operation=operations.HEAD_OBJECT, bucket=upload.bucket, key=upload.key)
        try:
            info = object_info(self._send(request))
        except COSInventoryNotFoundError:
            return None
        return info if info.size == size and (info.etag or "").endswith(f"-{parts}") else None

    def _abort(self, upload: COSRequest) -> None:
        """Remove what was sent, as well as possible: the error that is on its way up tells more."""
        try:
            self._call(replace(upload, operation=operations.ABORT_MULTIPART_UPLOAD))
        except COSInventoryError as error:
            if error.code != _GONE:
                log.warning(
                    "Parts of %s stay in the bucket, unseen, and are billed: abort the upload, or let a "
                    "lifecycle rule do so. %s",
                    shown(f"cos://{upload.bucket}/{upload.key}"),
                    error,
                )


def _list_of(etags: Sequence[str]) -> bytes:
    root = Element("CompleteMultipartUpload")
    for number, etag in enumerate(etags, start=1):
        part = SubElement(root, "Part")
        SubElement(part, "PartNumber").text = str(number)
        SubElement(part, "ETag").text = f'"{etag}"'
    body: bytes = tostring(root, encoding="utf-8")
    return body


def _measure(body: bytes | BinaryIO) -> tuple[int, str]:
    """Return the bytes that will be sent and their MD5 in base64."""
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    if isinstance(body, bytes):
        md5.update(body)
        size = len(body)
    else:
        while piece := body.read(_PIECE):
            md5.update(piece)
            size += len(piece)
    return size, base64.b64encode(md5.digest()).decode()


def _without(what: str, answer: Answer, request: COSRequest) -> COSInventoryRequestError:
    return COSInventoryRequestError(
        f"The answer to {request.operation.title} has no {what}.",
        hint="Check endpoint_url and proxies: what answered may not be COS.",
        **details_of(answer, request),
    )
