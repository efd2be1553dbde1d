# SPDX-License-Identifier: Apache-2.0
"""The calls of COS that this package makes, and one request of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(frozen=True)
class Operation:
    """
    One call of COS.

    :param title: as its page calls it
    :param method: HTTP method
    :param actions: the CAM actions that the caller needs, for error texts
    """

    title: str
    method: str
    actions: str


# Pages: 436/46869, 30625, 30623, 30627, 30626; actions of inventory calls: 436/74114 and the SDKs.
POST_INVENTORY = Operation(
    "POST Bucket inventory",
    "POST",
    "name/cos:PostBucketInventory on this bucket and name/cos:PutObject on the destination bucket",
)
PUT_INVENTORY = Operation(
    "PUT Bucket inventory",
    "PUT",
    "name/cos:PutBucketInventory on this bucket and name/cos:PutObject on the destination bucket",
)
GET_INVENTORY = Operation("GET Bucket inventory", "GET", "name/cos:GetBucketInventory")
# The coscli page names the first action, coscli's own reference and the Node SDK the second.
LIST_INVENTORY = Operation(
    "List Bucket Inventory", "GET", "name/cos:GetBucketInventory and name/cos:ListBucketInventory"
)
DELETE_INVENTORY = Operation("DELETE Bucket inventory", "DELETE", "name/cos:DeleteBucketInventory")
# The account's own call is on page 436/8291.
LIST_BUCKETS = Operation("GET Service (List Buckets)", "GET", "name/cos:GetService")
# Pages: 436/7735, 7745, 7753, 7749, 7734.
HEAD_BUCKET = Operation("HEAD Bucket", "HEAD", "name/cos:HeadBucket")
HEAD_OBJECT = Operation("HEAD Object", "HEAD", "name/cos:HeadObject")
GET_OBJECT = Operation("GET Object", "GET", "name/cos:GetObject")
PUT_OBJECT = Operation("PUT Object", "PUT", "name/cos:PutObject")
LIST_OBJECTS = Operation("GET Bucket (List Objects)", "GET", "name/cos:GetBucket")
# Pages: 436/7746, 7750, 7742, 7740.
INITIATE_MULTIPART_UPLOAD = Operation("Initiate Multipart Upload", "POST", "name/cos:InitiateMultipartUpload")
UPLOAD_PART = Operation("Upload Part", "PUT", "name/cos:UploadPart")
COMPLETE_MULTIPART_UPLOAD = Operation("Complete Multipart Upload", "POST", "name/cos:CompleteMultipartUpload")
ABORT_MULTIPART_UPLOAD = Operation("Abort Multipart Upload", "DELETE", "name/cos:AbortMultipartUpload")

INVENTORY_OPERATIONS = (POST_INVENTORY, PUT_INVENTORY, GET_INVENTORY, LIST_INVENTORY, DELETE_INVENTORY)


@dataclass(frozen=True, kw_only=True)
class COSRequest:
    """
    One request, before it is signed.

    :param operation: the call
    :param bucket: full name; None where the call is about the account
    :param key: of the object; None where the call is about the bucket
    :param params: query parameters, not encoded
    :param headers: beside those that every request has
    :param body: bytes, or a binary file that is sent from where it stands
    """

    operation: Operation
    bucket: str | None
    key: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO | None = None
