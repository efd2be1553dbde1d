# SPDX-License-Identifier: Apache-2.0
"""Buckets: PUT, HEAD, DELETE, versioning, and LIST of objects and versions (436/7734, 436/7735, 436/35521)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

from airflow_provider_cosinv.emulator.clock import iso_date
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import COSRequest, Reply, text_reply
from airflow_provider_cosinv.emulator.state import Emulation
from airflow_provider_cosinv.emulator.storage.listing import list_page
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.emulator.xml import document, node, parent
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml, text_of

_MAX_KEYS = 1000


def get_service(emulation: Emulation, request: COSRequest) -> Reply:
    """Return all buckets, or those of the region that the host names."""
    buckets = [one for one in emulation.store.all() if request.target.region in (None, one.region)]
    rows = (
        parent(
            "Bucket",
            node("Name", one.name),
            node("Location", one.region),
            node("CreationDate", iso_date(one.created)),
        )
        for one in buckets
    )
    return text_reply(document("ListAllMyBucketsResult", _owner(emulation.settings.owner), parent("Buckets", *rows)))


def put_bucket(emulation: Emulation, request: COSRequest) -> Reply:
    """Create a bucket in the region that the host names."""
    emulation.create_bucket(request.bucket, region=request.target.region)
    return Reply()


def head_bucket(emulation: Emulation, request: COSRequest) -> Reply:
    """Return the region of a bucket."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    return Reply(headers={"x-cos-bucket-region": bucket.region, "content-type": "application/xml"})


def delete_bucket(emulation: Emulation, request: COSRequest) -> Reply:
    """Delete an empty bucket."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    emulation.store.remove(bucket)
    emulation.inventories.forget(bucket)
    return Reply(status=204)


def get_bucket_location(emulation: Emulation, request: COSRequest) -> Reply:
    """Return the region of a bucket."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    return text_reply(document("LocationConstraint", bucket.region))


def get_bucket_versioning(emulation: Emulation, request: COSRequest) -> Reply:
    """Return whether versioning is on; nothing where it never was."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    status = (node("Status", "Enabled" if bucket.versioning else "Suspended"),) if bucket.versioning_seen else ()
    return text_reply(document("VersioningConfiguration", *status))


def put_bucket_versioning(emulation: Emulation, request: COSRequest) -> Reply:
    """Switch versioning on, or suspend it."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    try:
        status = text_of(parse_xml(request.body.xml()), "Status")
    except XMLError as error:
        raise COSError("MalformedXML", str(error)) from error
    if status not in ("Enabled", "Suspended"):
        raise COSError("MalformedXML", "Status is neither Enabled nor Suspended.")
    bucket.set_versioning(enabled=status == "Enabled")
    return Reply()


def delete_multiple_objects(emulation: Emulation, request: COSRequest) -> Reply:
    """Delete up to 1,000 objects."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    try:
        root = parse_xml(request.body.xml())
    except XMLError as error:
        raise COSError("MalformedXML", str(error)) from error
    quiet = (text_of(root, "Quiet") or "").lower() == "true"
    rows = []
    for element in root.findall("Object"):
        key = element.findtext("Key", "")
        bucket.delete(key, version_id=text_of(element, "VersionId"), now=emulation.clock.now())
        if not quiet:
            rows.append(parent("Deleted", node("Key", key)))
    return text_reply(document("DeleteResult", *rows))


def get_bucket(emulation: Emulation, request: COSRequest) -> Reply:
    """Return a page of the objects of a bucket; ``list-type=2`` is the second version of the call."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    params = request.params
    second = params.get("list-type") == "2"
    token = params.get("continuation-token", "") if second else ""
    marker = (_marker_of(token) or params.get("start-after", "")) if second else params.get("marker", "")
    encode = _encoder(params)
    prefix, delimiter, max_keys = params.get("prefix", ""), params.get("delimiter", ""), _max_keys(params)
    page = list_page(bucket, prefix=prefix, delimiter=delimiter, marker=marker, max_keys=max_keys)
    head = [node("Name", bucket.name), node("Prefix", encode(prefix)), node("MaxKeys", max_keys)]
    if params.get("encoding-type"):
        head.insert(1, node("EncodingType", params["encoding-type"]))
    if delimiter:
        head.append(node("Delimiter", encode(delimiter)))
    if second:
        head.append(node("KeyCount", len(page.items)))
        head += [node("ContinuationToken", token)] if token else []
        head += [node("StartAfter", encode(params["start-after"]))] if "start-after" in params else []
        head += [node("NextContinuationToken", _token_of(page.last))] if page.truncated else []
    else:
        head.append(node("Marker", encode(marker)))
        head += [node("NextMarker", encode(page.last))] if page.truncated else []
    head.append(node("IsTruncated", "true" if page.truncated else "false"))
    contents = (
        parent("Contents", node("Key", encode(one.key)), *_facts(one), _owner(BucketName.parse(bucket.name).appid))
        for one in page.objects
    )
    prefixes = (parent("CommonPrefixes", node("Prefix", encode(one))) for one in page.prefixes)
    return text_reply(document("ListBucketResult", *head, *contents, *prefixes))


def get_bucket_object_versions(emulation: Emulation, request: COSRequest) -> Reply:
    """Return a page of all versions of the objects of a bucket; a key's versions stay together."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    params = request.params
    encode = _encoder(params)
    prefix, marker, max_keys = params.get("prefix", ""), params.get("key-marker", ""), _max_keys(params)
    rows: list[str] = []
    last = marker
    truncated = False
    for versions in bucket.page(max(prefix, f"{marker}\0") if marker else prefix, max_keys + 1):
        if not versions[0].key.startswith(prefix):
            break
        if rows and len(rows) + len(versions) > max_keys:
            truncated = True
            break
        last = versions[0].key
        for number, one in enumerate(versions):
            about = (
                node("Key", encode(one.key)),
                node("VersionId", one.version_id or "null"),
                node("IsLatest", "true" if number == 0 else "false"),
                _owner(emulation.settings.owner),
            )
            if one.is_delete_marker:
                modified = node("LastModified", iso_date(one.last_modified, milliseconds=True))
                rows.append(parent("DeleteMarker", *about, modified))
            else:
                rows.append(parent("Version", *about, *_facts(one)))
    head = [
        node("Name", bucket.name),
        node("Prefix", encode(prefix)),
        node("KeyMarker", encode(marker)),
        node("VersionIdMarker", ""),
        node("MaxKeys", max_keys),
        node("IsTruncated", "true" if truncated else "false"),
    ]
    if params.get("encoding-type"):
        head.append(node("EncodingType", params["encoding-type"]))
    if truncated:
        head += [node("NextKeyMarker", encode(last)), node("NextVersionIdMarker", "")]
    return text_reply(document("ListVersionsResult", *head, *rows))


def _facts(version: ObjectVersion) -> tuple[str, ...]:
    return (
        node("LastModified", iso_date(version.last_modified, milliseconds=True)),
        node("ETag", f'"{version.etag}"'),
        node("Size", version.size),
        node("StorageClass", version.storage_class),
    )


def _owner(owner: str) -> str:
    return parent("Owner", node("ID", owner), node("DisplayName", owner))


def _token_of(marker: str) -> str:
    return base64.urlsafe_b64encode(marker.encode()).decode()


def _marker_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise COSError("InvalidArgument", "The continuation-token is not valid.") from None


def _encoder(params: dict[str, str]) -> Callable[[str], str]:
    kind = params.get("encoding-type", "")
    if kind not in ("", "url"):
        raise COSError("InvalidArgument", f"encoding-type is {kind!r}; it can be url.")
    return (lambda text: quote(text, safe="/-_.~")) if kind else (lambda text: text)


def _max_keys(params: dict[str, str]) -> int:
    text = params.get("max-keys", "") or str(_MAX_KEYS)
    if not text.isdigit():
        raise COSError("InvalidArgument", f"max-keys is {text!r}; it must be a number.")
    return min(int(text), _MAX_KEYS)
