# SPDX-License-Identifier: Apache-2.0
"""From a request to the API that it calls, by the name that permissions and faults know it by."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from airflow_provider_cosinv.emulator.api import buckets as bucket_api
from airflow_provider_cosinv.emulator.api import inventory as inventory_api
from airflow_provider_cosinv.emulator.api import multipart as multipart_api
from airflow_provider_cosinv.emulator.api import objects as object_api
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import COSRequest, Reply
from airflow_provider_cosinv.emulator.state import Emulation


class Action(NamedTuple):
    """One API of COS."""

    name: str
    handle: Callable[[Emulation, COSRequest], Reply]
    slow: bool = False
    """whether it may keep a thread busy"""


_SERVICE = {("GET", ""): Action("GetService", bucket_api.get_service)}

_BUCKET = {
    ("GET", ""): Action("GetBucket", bucket_api.get_bucket, slow=True),
    ("PUT", ""): Action("PutBucket", bucket_api.put_bucket),
    ("HEAD", ""): Action("HeadBucket", bucket_api.head_bucket),
    ("DELETE", ""): Action("DeleteBucket", bucket_api.delete_bucket),
    ("GET", "location"): Action("GetBucketLocation", bucket_api.get_bucket_location),
    ("GET", "versions"): Action("GetBucketObjectVersions", bucket_api.get_bucket_object_versions, slow=True),
    ("GET", "versioning"): Action("GetBucketVersioning", bucket_api.get_bucket_versioning),
    ("PUT", "versioning"): Action("PutBucketVersioning", bucket_api.put_bucket_versioning),
    ("POST", "delete"): Action("DeleteMultipleObjects", bucket_api.delete_multiple_objects),
    ("POST", "inventory"): Action("PostBucketInventory", inventory_api.post_bucket_inventory, slow=True),
    ("PUT", "inventory"): Action("PutBucketInventory", inventory_api.put_bucket_inventory),
    ("GET", "inventory&id"): Action("GetBucketInventory", inventory_api.get_bucket_inventory),
    ("GET", "inventory"): Action("ListBucketInventory", inventory_api.list_bucket_inventory),
    ("DELETE", "inventory"): Action("DeleteBucketInventory", inventory_api.delete_bucket_inventory),
}

_OBJECT = {
    ("GET", ""): Action("GetObject", object_api.get_object),
    ("HEAD", ""): Action("HeadObject", object_api.get_object),
    ("PUT", ""): Action("PutObject", object_api.put_object),
    ("DELETE", ""): Action("DeleteObject", object_api.delete_object),
    ("GET", "tagging"): Action("GetObjectTagging", object_api.get_object_tagging),
    ("PUT", "tagging"): Action("PutObjectTagging", object_api.put_object_tagging),
    ("DELETE", "tagging"): Action("DeleteObjectTagging", object_api.delete_object_tagging),
    ("POST", "uploads"): Action("InitiateMultipartUpload", multipart_api.initiate_multipart_upload),
    ("PUT", "uploadId"): Action("UploadPart", multipart_api.upload_part),
    ("POST", "uploadId"): Action("CompleteMultipartUpload", multipart_api.complete_multipart_upload, slow=True),
    ("DELETE", "uploadId"): Action("AbortMultipartUpload", multipart_api.abort_multipart_upload),
}

_MULTIPART = ("uploads", "uploadId")
_KNOWN = ("inventory", "versioning", "versions", "location", "delete", "tagging", *_MULTIPART)
# Sub-resources that COS has and the emulator has not.
_UNKNOWN = frozenset(
    {"accelerate", "acl", "append", "cors", "domain", "encryption", "intelligenttiering", "lifecycle", "logging"}
    | {"object-lock", "origin", "policy", "referer", "replication", "restore", "select", "website"}
)


def find_action(request: COSRequest) -> Action:
    """
    Return the API that a request calls.

    :raises COSError: ``PathStyleDomainForbidden``, ``BucketAccelerateNotEnabled``, ``NotImplemented`` or
        ``MethodNotAllowed``
    """
    target = request.target
    if target.bucket is None and not target.service:
        raise COSError("PathStyleDomainForbidden")
    if target.region == "accelerate":
        raise COSError("BucketAccelerateNotEnabled")
    params = request.params
    if target.service:
        if request.key:
            raise COSError("PathStyleDomainForbidden")
        table, resource = _SERVICE, ""
    else:
        table = _OBJECT if request.key else _BUCKET
        resource = next((name for name in _KNOWN if name in params), "")
    if unknown := next((name for name in params if name in _UNKNOWN), None):
        raise COSError("NotImplemented", f"The emulator does not know the sub-resource {unknown}.")
    if "x-cos-copy-source" in request.headers:
        raise COSError("NotImplemented", "The emulator does not copy objects.")
    if resource == "inventory" and request.method == "GET" and "id" in params:
        resource = "inventory&id"
    try:
        return table[request.method, resource]
    except KeyError:
        if resource in _MULTIPART:
            raise COSError("NotImplemented", "The emulator does not list uploads and parts.") from None
        raise COSError("MethodNotAllowed") from None


def subject(request: COSRequest) -> str:
    """Return what a fault's ``key`` is compared with: the object's key, or the inventory's id."""
    return request.key or request.params.get("id", "")
