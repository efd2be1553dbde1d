# SPDX-License-Identifier: Apache-2.0
"""What the clients return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class SubmittedInventory:
    """
    A one-time inventory that COS accepted.

    :param job_id: JobId; None where the answer held none that can be read, as that of older editions of the service
    :param request_id: ``x-cos-request-id`` of the answer
    :param server_time: the answer's ``Date``, aware, in UTC
    :param attached: an earlier try of this call got no answer, and COS said at a later one that the id exists
    """

    job_id: str | None
    request_id: str | None
    server_time: datetime | None
    attached: bool = False


@dataclass(frozen=True, kw_only=True)
class BucketInfo:
    """
    A bucket that exists and may be read.

    :param region: as COS says it (436/7735); None where the answer does not
    """

    region: str | None


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """
    The headers of an object.

    :param size: bytes; None where the answer does not say
    :param etag: without quotes
    :param last_modified: aware, in UTC
    :param server_time: the answer's ``Date``, aware, in UTC
    :param content_encoding: of the answer: the object may be stored so, or a gateway may have changed its bytes
    """

    size: int | None
    etag: str | None
    last_modified: datetime | None
    server_time: datetime | None
    content_encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectContent:
    """A whole object: its bytes as stored, and its headers."""

    body: bytes
    info: ObjectInfo


@dataclass(frozen=True, kw_only=True)
class ObjectDigest:
    """
    The MD5 of a whole object.

    :param md5_hex: 32 lower-case digits, computed from the bytes, not taken from the ETag
    :param size: bytes read
    :param pieces: the object itself, if the caller wants to keep it: no piece is long
    """

    md5_hex: str
    size: int
    info: ObjectInfo
    pieces: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListedObject:
    """
    One object of a bucket's listing.

    :param size: bytes
    :param etag: without quotes
    :param last_modified: aware
    """

    key: str
    size: int
    etag: str | None
    last_modified: datetime | None
    storage_class: str | None


@dataclass(frozen=True, kw_only=True)
class CommonPrefix:
    """What the keys of one "folder" begin with, up to and with the delimiter."""

    prefix: str
