# SPDX-License-Identifier: Apache-2.0
"""Objects: PUT, GET, HEAD, DELETE and their tags (436/7749, 436/7753, 436/7745, 436/7743, 436/42997)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element

from airflow_provider_cosinv.emulator.clock import http_date
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import COSRequest, Reply, text_reply
from airflow_provider_cosinv.emulator.state import Emulation
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.emulator.xml import document, node, parent
from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml

_KEPT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
_STORAGE_CLASS = re.compile(r"[A-Z][A-Z_]*")
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
# Their objects are read after a restore, which the emulator does not know.
_ARCHIVED = ("ARCHIVE", "DEEP_ARCHIVE")
_MAX_TAGS = 10
_MAX_KEY_BYTES = 850


def put_object(emulation: Emulation, request: COSRequest) -> Reply:
    """Store an object."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    facts = new_object(request)
    stored = bucket.put(
        facts._replace(
            size=request.body.size,
            last_modified=emulation.clock.now(),
            etag=request.body.md5.hex(),
            body=request.body.content,
            crc64=request.body.crc64,
        )
    )
    headers = {"etag": f'"{stored.etag}"', "x-cos-hash-crc64ecma": str(stored.crc64)}
    if stored.version_id:
        headers["x-cos-version-id"] = stored.version_id
    return Reply(headers=headers)


def new_object(request: COSRequest) -> ObjectVersion:
    """
    Return what a request that begins an object says of it, without its bytes.

    :raises COSError: where key, storage class or tags are not valid
    """
    if len(request.key.encode()) > _MAX_KEY_BYTES:
        raise COSError("KeyTooLong", f"A key has at most {_MAX_KEY_BYTES} bytes.")
    storage_class = request.headers.get("x-cos-storage-class", "STANDARD")
    if not _STORAGE_CLASS.fullmatch(storage_class):
        raise COSError("InvalidStorageClass", f"{storage_class!r} is not a storage class.")
    return ObjectVersion(
        key=request.key,
        size=0,
        last_modified=0,
        etag="",
        storage_class=storage_class,
        tags=parse_tags(request.headers.get("x-cos-tagging", "")),
        headers=_stored_headers(request),
    )


def get_object(emulation: Emulation, request: COSRequest) -> Reply:
    """Return an object, or a range of it; HEAD is the same without the body, and of archived objects, too."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    version = bucket.get(request.key, version_id=request.params.get("versionId"))
    if request.method == "GET" and version.storage_class in _ARCHIVED:
        raise COSError("InvalidObjectState")
    headers = _headers(version, versioned=bucket.versioning_seen)
    for name in ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type"):
        if override := request.params.get(f"response-{name}"):
            headers[name] = override
    if _unchanged(request, version):
        return Reply(status=304, headers=headers)
    part = _range(request.headers.get("range", ""), version.size)
    if part is None:
        return Reply(headers=headers, content=version.body, length=version.size)
    start, length = part
    headers["content-range"] = f"bytes {start}-{start + length - 1}/{version.size}"
    return Reply(status=206, headers=headers, content=version.body, start=start, length=length)


def delete_object(emulation: Emulation, request: COSRequest) -> Reply:
    """Delete an object; one that does not exist is no error."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    gone = bucket.delete(request.key, version_id=request.params.get("versionId"), now=emulation.clock.now())
    headers = {}
    if gone is not None and bucket.versioning_seen:
        headers["x-cos-version-id"] = gone.version_id or "null"
        if gone.is_delete_marker:
            headers["x-cos-delete-marker"] = "true"
    return Reply(status=204, headers=headers)


def get_object_tagging(emulation: Emulation, request: COSRequest) -> Reply:
    """Return the tags of an object."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    version = bucket.get(request.key, version_id=request.params.get("versionId"))
    tags = (parent("Tag", node("Key", key), node("Value", value)) for key, value in version.tags)
    return text_reply(document("Tagging", parent("TagSet", *tags)))


def put_object_tagging(emulation: Emulation, request: COSRequest) -> Reply:
    """Replace the tags of an object."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    version = bucket.get(request.key, version_id=request.params.get("versionId"))
    try:
        root = parse_xml(request.body.xml())
    except XMLError as error:
        raise COSError("MalformedXML", str(error)) from error
    bucket.replace(version, version._replace(tags=_checked(_tags_of(root))))
    return Reply()


def delete_object_tagging(emulation: Emulation, request: COSRequest) -> Reply:
    """Remove the tags of an object."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    version = bucket.get(request.key, version_id=request.params.get("versionId"))
    bucket.replace(version, version._replace(tags=()))
    return Reply(status=204)


def parse_tags(header: str) -> tuple[tuple[str, str], ...]:
    """
    Return the tags of a header ``x-cos-tagging``: ``key=value&key=value``, percent-encoded.

    :raises COSError: ``InvalidTag``
    """
    return _checked(parse_qsl(header, keep_blank_values=True))


def _tags_of(root: Element) -> list[tuple[str, str]]:
    return [(tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in root.findall("TagSet/Tag")]


def _checked(tags: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    keys = [key for key, _ in tags]
    if len(tags) > _MAX_TAGS or len(set(keys)) < len(keys) or not all(keys):
        raise COSError("InvalidTag", f"An object has at most {_MAX_TAGS} tags, each with a key of its own.")
    return tuple(tags)


def _stored_headers(request: COSRequest) -> dict[str, str]:
    kept = {
        name: value
        for name, value in request.headers.items()
        if name in _KEPT_HEADERS or name.startswith("x-cos-meta-")
    }
    return {"content-type": request.headers.get("content-type", "application/octet-stream"), **kept}


def _headers(version: ObjectVersion, *, versioned: bool) -> dict[str, str]:
    headers = {
        **version.headers,
        "etag": f'"{version.etag}"',
        "last-modified": http_date(version.last_modified),
        "accept-ranges": "bytes",
    }
    if version.crc64 is not None:
        headers["x-cos-hash-crc64ecma"] = str(version.crc64)
    if version.storage_class != "STANDARD":
        headers["x-cos-storage-class"] = version.storage_class
    if version.tags:
        headers["x-cos-tagging-count"] = str(len(version.tags))
    if versioned:
        headers["x-cos-version-id"] = version.version_id or "null"
    return headers


def _unchanged(request: COSRequest, version: ObjectVersion) -> bool:
    """Return whether the answer is 304; raise where a condition of the client does not hold."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, version.etag):
        raise COSError("PreconditionFailed")
    unwanted = request.headers.get("if-none-match")
    return unwanted is not None and _names(unwanted, version.etag)


def _names(header: str, etag: str) -> bool:
    return any(one.strip().strip('"') in (etag, "*") for one in header.split(","))


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Return offset and length of the part that is asked for; None where none is."""
    match = _RANGE.fullmatch(header.strip())
    if not match or (not match[1] and not match[2]):
        # What is no range of bytes is ignored, as HTTP has it.
        return None
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]), size - 1) if match[2] else size - 1
    else:
        start = max(size - int(match[2]), 0)
        end = size - 1
    if match[1] and match[2] and int(match[2]) < start:
        return None
    if start >= size or end < start:
        raise COSError("InvalidRange", headers={"content-range": f"bytes */{size}"})
    return start, end - start + 1
