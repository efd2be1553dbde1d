# SPDX-License-Identifier: Apache-2.0
"""Objects in parts: Initiate (436/7746), Upload Part (436/7750), Complete (436/7742), Abort (436/7740)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from airflow_provider_cosinv.emulator.api.objects import new_object
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.hosts import bucket_host
from airflow_provider_cosinv.emulator.http import COSRequest, ReceivedBody, Reply, text_reply
from airflow_provider_cosinv.emulator.state import Emulation
from airflow_provider_cosinv.emulator.storage.bodies import JoinedBody
from airflow_provider_cosinv.emulator.storage.crc64 import crc64
from airflow_provider_cosinv.emulator.storage.uploads import Upload
from airflow_provider_cosinv.emulator.xml import document, node, parent
from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml, text_of

_MAX_PARTS = 10_000
#: Bytes of every part but the last, at least.
_MIN_PART = 1024 * 1024


def initiate_multipart_upload(emulation: Emulation, request: COSRequest) -> Reply:
    """Begin an upload."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    upload_id = emulation.uploads.begin(Upload(bucket.name, new_object(request)))
    about = (node("Bucket", bucket.name), node("Key", request.key), node("UploadId", upload_id))
    return text_reply(document("InitiateMultipartUploadResult", *about))


def upload_part(emulation: Emulation, request: COSRequest) -> Reply:
    """Store a part."""
    upload = _find(emulation, request)
    number = request.params.get("partNumber", "")
    if not number.isdecimal() or not 1 <= int(number) <= _MAX_PARTS:
        raise COSError("InvalidArgument", f"partNumber is {number!r}; it must be a number from 1 to {_MAX_PARTS}.")
    upload.parts[int(number)] = request.body
    return Reply(
        headers={"etag": f'"{request.body.md5.hex()}"', "x-cos-hash-crc64ecma": str(request.body.crc64)},
    )


def complete_multipart_upload(emulation: Emulation, request: COSRequest) -> Reply:
    """Join the parts that the request names to an object."""
    upload = _find(emulation, request)
    bucket = emulation.store.find(request.bucket)
    parts = _chosen(upload, request)
    body = JoinedBody([(part.content, part.size) for part in parts])
    size = sum(part.size for part in parts)
    checksum = 0
    for chunk in body.read(0, size):
        checksum = crc64(chunk, checksum)
    digest = hashlib.md5(b"".join(part.md5 for part in parts))  # noqa: S324  of the parts' MD5s
    emulation.uploads.end(request.params["uploadId"])
    stored = bucket.put(
        upload.facts._replace(
            size=size,
            last_modified=emulation.clock.now(),
            etag=f"{digest.hexdigest()}-{len(parts)}",
            body=body,
            crc64=checksum,
            is_multipart_uploaded=True,
        )
    )
    about = (
        node("Location", f"http://{bucket_host(bucket.name, bucket.region)}/{request.key}"),
        node("Bucket", bucket.name),
        node("Key", request.key),
        node("ETag", f'"{stored.etag}"'),
    )
    # COS sends blanks while it joins the parts; the document comes when it has done so.
    reply = text_reply(b"    " + parent("CompleteMultipartUploadResult", *about).encode("utf-8", "replace"))
    reply.headers["x-cos-hash-crc64ecma"] = str(stored.crc64)
    if stored.version_id:
        reply.headers["x-cos-version-id"] = stored.version_id
    return reply


def abort_multipart_upload(emulation: Emulation, request: COSRequest) -> Reply:
    """Forget an upload and its parts."""
    _find(emulation, request)
    emulation.uploads.end(request.params["uploadId"])
    return Reply(status=204)


def _find(emulation: Emulation, request: COSRequest) -> Upload:
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    return emulation.uploads.find(request.params["uploadId"], bucket=bucket.name, key=request.key)


def _chosen(upload: Upload, request: COSRequest) -> Sequence[ReceivedBody]:
    """
    Return the parts that a request names, in its order.

    :raises COSError: ``MalformedXML``, ``InvalidPartOrder``, ``InvalidPart`` or ``EntityTooSmall``
    """
    try:
        root = parse_xml(request.body.xml())
        named = [(int(text_of(part, "PartNumber") or ""), text_of(part, "ETag") or "") for part in root.iter("Part")]
    except (XMLError, ValueError) as error:
        raise COSError("MalformedXML", str(error)) from error
    if root.tag != "CompleteMultipartUpload" or not named:
        raise COSError("MalformedXML")
    numbers = [number for number, _ in named]
    if numbers != sorted(set(numbers)):
        raise COSError("InvalidPartOrder")
    if numbers != list(range(1, len(numbers) + 1)):
        raise COSError("InvalidPart", "The part numbers are not continuous.")
    for number, etag in named:
        if number not in upload.parts or etag.strip('"') != upload.parts[number].md5.hex():
            raise COSError("InvalidPart")
    parts = [upload.parts[number] for number in numbers]
    if any(part.size < _MIN_PART for part in parts[:-1]):
        raise COSError("EntityTooSmall")
    return parts
