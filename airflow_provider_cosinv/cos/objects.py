# SPDX-License-Identifier: Apache-2.0
"""The calls for buckets and objects: what reports are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from airflow_provider_cosinv.cos.download import Download, read_range
from airflow_provider_cosinv.cos.protocol import operations
from airflow_provider_cosinv.cos.protocol.listing import entries, name_of, next_marker
from airflow_provider_cosinv.cos.protocol.models import (
    BucketInfo,
    CommonPrefix,
    ListedObject,
    ObjectContent,
    ObjectInfo,
)
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import (
    PAGE_LIMIT,
    check_success,
    check_whole,
    cut_short,
    object_info,
    too_long,
    unusable_page,
)
from airflow_provider_cosinv.cos.uploads import UploadCalls
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.xml import text_of

#: Bytes of an object that :meth:`ObjectCalls.stream_object` holds at once.
CHUNK_SIZE = 1024 * 1024
_MAX_KEYS = 1000


class ObjectCalls(UploadCalls):
    """Buckets and their objects."""

    @property
    def region(self) -> str:
        """The region whose buckets this client talks to."""
        return self._settings.region

    def list_buckets(self) -> list[str]:
        """
        Return the full names of the account's buckets in the client's region (436/8291).

        Needs ``name/cos:GetService``.
        """
        request = COSRequest(operation=operations.LIST_BUCKETS, bucket=None)
        _, document = self._document(request, "ListAllMyBucketsResult", PAGE_LIMIT)
        return [name for element in document.findall("Buckets/Bucket") if (name := text_of(element, "Name"))]

    def head_bucket(self, bucket: str) -> BucketInfo:
        """
        Return what COS tells about a bucket, once it exists and may be read (436/7735).

        Needs ``name/cos:HeadBucket``.

        :param bucket: full name
        """
        answer = self._call(COSRequest(operation=operations.HEAD_BUCKET, bucket=bucket))
        return BucketInfo(region=answer.headers.get("x-cos-bucket-region") or None)

    def head_object(self, bucket: str, key: str) -> ObjectInfo:
        """
        Return the headers of an object (436/7745).

        Needs ``name/cos:HeadObject``. A missing bucket and a missing object look the same here.
        """
        return object_info(self._call(COSRequest(operation=operations.HEAD_OBJECT, bucket=bucket, key=key)))

    def get_object(self, bucket: str, key: str, *, max_bytes: int) -> ObjectContent:
        """
        Return a whole object, as it is stored (436/7753).

        Needs ``name/cos:GetObject``.

        :param max_bytes: that are held at most
        :raises COSInventoryRequestError: where the object is longer
        """
        request = COSRequest(operation=operations.GET_OBJECT, bucket=bucket, key=key)

        def attempt() -> ObjectContent:
            answer = self._transport.exchange(request, limit=max(max_bytes, 0))
            check_success(answer, request, region=self._settings.region)
            check_whole(answer, request)
            if answer.is_too_long:
                raise too_long(answer, request, max_bytes)
            if answer.is_cut:
                raise cut_short(answer, request)
            return ObjectContent(body=answer.body, info=object_info(answer))

        return self._retrying(attempt)

    def get_range(self, bucket: str, key: str, *, start: int, length: int, if_match: str | None = None) -> bytes:
        """
        Return some bytes of an object as it is stored (436/7753).

        Needs ``name/cos:GetObject``. Threads read ranges of one object at the same time.

        :param start: offset of the first, from 0
        :param length: how many; the object must have them all
        :param if_match: ETag of the object that they must be of, as :meth:`head_object` tells it
        :raises COSInventoryCorruptReportError: where the object is not that one any more
        :raises COSInventoryRequestError: where what answers sends something else than these bytes
        """
        if start < 0 or length < 0:
            raise COSInventoryConfigurationError(
                f"There are no {length} bytes from byte {start} on.", bucket=bucket, key=key, parameter="start"
            )
        if length == 0:
            # HTTP has no range without bytes.
            return b""
        return self._retrying(
            lambda: read_range(
                self._transport,
                self._settings,
                bucket=bucket,
                key=key,
                start=start,
                length=length,
                if_match=if_match,
            )
        )

    def stream_object(
        self, bucket: str, key: str, *, chunk_size: int = CHUNK_SIZE, size: int | None = None
    ) -> Iterator[bytes]:
        """
        Yield the bytes of an object as it is stored, in bounded memory (436/7753).

        Needs ``name/cos:GetObject``. A download that is cut goes on where it stopped; each piece has all tries anew.

        :param chunk_size: bytes of a piece, at most
        :param size: bytes that the object is to have, if that is known; the caller checks them
        :raises COSInventoryCorruptReportError: where the object is replaced while it is read
        """
        download = Download(
            transport=self._transport,
            settings=self._settings,
            bucket=bucket,
            key=key,
            chunk_size=chunk_size,
            size=size,
        )
        try:
            while piece := self._retrying(download.next_piece):
                yield piece
        finally:
            download.close()

    def put_object(
        self, bucket: str, key: str, body: bytes | BinaryIO, *, content_type: str | None = None
    ) -> ObjectInfo:
        """
        Upload an object of up to 5 GB in one request, with its MD5 (436/7749).

        Needs ``name/cos:PutObject``.

        :param body: bytes, or a seekable binary file, sent from where it stands
        :param content_type: kept with the object
        :return: size, ETag and server time
        """
        headers = {"Content-Type": content_type} if content_type else {}
        return self._put(COSRequest(operation=operations.PUT_OBJECT, bucket=bucket, key=key, headers=headers), body)

    def list_objects(
        self, bucket: str, *, prefix: str = "", delimiter: str | None = None, max_keys: int = _MAX_KEYS
    ) -> Iterator[ListedObject | CommonPrefix]:
        """
        Yield the objects of a bucket whose keys begin with a prefix, page by page (436/7734).

        Needs ``name/cos:GetBucket``.

        :param prefix: what the keys begin with
        :param delimiter: where given, keys that hold it behind the prefix are summed up as :class:`CommonPrefix`
        :param max_keys: entries of a page, 1 to 1,000; all pages are read
        """
        if not 1 <= max_keys <= _MAX_KEYS:
            raise COSInventoryConfigurationError(
                f"A page cannot have {max_keys} entries.", parameter="max_keys", hint="Use 1 to 1,000."
            )
        params = {"max-keys": str(max_keys), "encoding-type": "url"}
        if prefix:
            params["prefix"] = prefix
        if delimiter:
            params["delimiter"] = delimiter
        marker = ""
        while True:
            request = COSRequest(
                operation=operations.LIST_OBJECTS,
                bucket=bucket,
                params={**params, "marker": marker} if marker else params,
            )
            answer, page = self._document(request, "ListBucketResult", PAGE_LIMIT)
            try:
                found = entries(page)
                following = next_marker(page, map(name_of, found))
            except ValueError as error:
                raise unusable_page(answer, request, error) from error
            yield from found
            if following is None:
                return
            if following == marker:
                raise unusable_page(answer, request, "the next page is the one before")
            marker = following
