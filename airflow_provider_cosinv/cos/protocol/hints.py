# SPDX-License-Identifier: Apache-2.0
"""What to do about each error of COS (436/7730): the last sentence of an error text."""

from __future__ import annotations

from airflow_provider_cosinv.cos.protocol.operations import INVENTORY_OPERATIONS, COSRequest

_CREDENTIALS = (
    "Check SecretId and SecretKey of the connection: they belong to one key, which is enabled in CAM. Where its "
    "credential names a source, check that."
)
_RENEW = (
    "The temporary credentials have expired: renew SecretId, SecretKey and token of the connection together. Where "
    "its credential names a source, that renews them: check this machine's clock."
)
_CLOCK = "Set the clock of this machine: COS accepts 15 minutes of difference."
_WRITER = " COS writes the report through the role COS_QcsRole of the bucket owner's account, which must exist."
_LIMIT = "A bucket has at most 1,000 inventories: delete some."
_OVERDUE = "The Tencent Cloud account has overdue payments: pay them in the billing console."
_LATER = "COS failed for now: try again later; where it lasts, ask Tencent with the request id."
_REGION = "Check the region and the domain suffix of the connection: a bucket answers only in its own region."
_BUCKET = "Check the bucket's name with its APPID, and the region {region}: a bucket answers only in its own region."
_DENIED = "Allow the caller {actions}, in CAM or in the policy of the bucket."
_PARTS = (
    "The parts are not those that were sent, as where something else writes the same upload: send the object again."
)
_REGIONAL = "Use the regional domain of the bucket, not the one of global acceleration."

# By Code; also looked for in the Message below a plain AccessDenied, where COS may put the reason.
_BY_CODE = {
    "AccessDenied": _DENIED,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "RequestTimeTooSkewed": _CLOCK,
    "Request has expired": _CLOCK,
    "RequestIsExpired": _CLOCK,
    "ExpiredToken": _RENEW,
    "InvalidToken": _RENEW,
    "InvalidObjectState": "The object is archived: restore it first (POST Object restore).",
    "UserNotSourceBucketOwner": "Use credentials of the account that owns the source bucket.",
    "UserNotTargetBucketOwner": "Use credentials of the account that owns the destination bucket.",
    "PathStyleDomainForbidden": "COS wants the bucket in the host name: the gateway of endpoint_url must keep the "
    "Host header as it is sent.",
    "NoSuchBucket": _BUCKET,
    "NoSuchKey": "The bucket is there, the object is not: a lifecycle rule or a person deleted it, or the key is "
    "wrong.",
    "NoSuchUpload": "Send the object again.",
    "InventoryConfigurationNotFoundError": "Check the inventory id; a new rule can take seconds to be readable, "
    "and one-time inventories are not promised to be.",
    "DuplicateInventoryId": "Use another inventory id: an id may be used once a day, and not while a job with it "
    "is unfinished or a periodic inventory has it.",
    "InventoryFull": _LIMIT,
    "TooManyConfigurations": _LIMIT,
    "InvalidArgument": "Check the inventory's destination, filter and fields; the message of COS names what it "
    "stumbled on.",
    "MalformedXML": "COS could not read the configuration; an endpoint_url other than COS may not know this call.",
    "InvalidDigest": "Something between here and COS changed the Content-MD5 header.",
    "BadDigest": "The body arrived changed: look for a proxy that rewrites requests, then send it again.",
    "InvalidRange": "Ask for bytes that the object has.",
    "InvalidPart": _PARTS,
    "InvalidPartOrder": _PARTS,
    "EntityTooSmall": _PARTS,
    "EntityTooLarge": "An object has at most 5 GB in one request, and about 48 TB in parts.",
    "InvalidBucketName": _BUCKET,
    "InvalidRegionName": _REGION,
    "TargetBucketNameInvalid": "Write the destination bucket as name-APPID.",
    "NotSupportedStorageClass": "Check the storage classes of the filter.",
    "InvalidTag": "Check the tags of the filter.",
    "ActionAccelerateNotSupported": _REGIONAL,
    "BucketAccelerateNotEnabled": _REGIONAL,
    "PaymentRequired": _OVERDUE,
    "UnavailableForLegalReasons": _OVERDUE,
    "MethodNotAllowed": "The bucket does not support this call: inventory is missing in finance regions and for "
    "buckets with metadata acceleration.",
    "InternalError": _LATER,
    "ServiceUnavailable": _LATER,
    "SlowDown": "COS limits requests, and one-time inventories to one a second and bucket: start fewer at once.",
    "RequestTimeout": "The body did not arrive in time: check the network to COS.",
    "PreconditionFailed": "The object was replaced in between: read it anew.",
}

_BY_STATUS = {
    400: "Check bucket, region and endpoint_url.",
    401: _CREDENTIALS,
    402: _OVERDUE,
    403: "COS gave no reason. " + _DENIED + " Also check the credentials and this machine's clock.",
    404: _BUCKET,
    405: _BY_CODE["MethodNotAllowed"],
    407: "The proxy wants a user and a password: put them in the proxy's URL.",
    412: _BY_CODE["PreconditionFailed"],
    413: "The body is too large for COS or a gateway before it.",
    429: _BY_CODE["SlowDown"],
    451: _OVERDUE,
    501: "COS, or what endpoint_url points at, does not know this call.",
}
_REDIRECTED = "Redirects are not followed. " + _REGION + " A proxy that asks for a login redirects, too."
_MISSING_OBJECT = "The answer does not say whether the object or the bucket is missing: check the key. " + _BUCKET


def hint_for(request: COSRequest, *, region: str, status: int, code: str | None, message: str | None) -> str | None:
    """
    Return what the user can do about an error.

    :param region: that the client uses
    :param status: HTTP status of the answer
    :param code: of the error document, if there was one
    :param message: of the error document, if there was one
    """
    text = _find(request, status, code, message)
    if text is None:
        return None
    if text == _DENIED and request.operation in INVENTORY_OPERATIONS[:2]:
        text += _WRITER
    if text == _BUCKET and request.operation in INVENTORY_OPERATIONS[:2]:
        text += " It may also be the destination bucket that does not exist there."
    return text.format(region=region, actions=request.operation.actions)


def _find(request: COSRequest, status: int, code: str | None, message: str | None) -> str | None:
    if code == "AccessDenied" and message:
        for name, text in _BY_CODE.items():
            if name in message and name != code:
                return text
    if code in _BY_CODE:
        return _BY_CODE[code]
    if 300 <= status < 400:  # noqa: PLR2004  the redirects
        return _REDIRECTED
    if status == 404 and request.key is not None and code is None:  # noqa: PLR2004  not found
        return _MISSING_OBJECT
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return _LATER if status >= 500 else None  # noqa: PLR2004  the server's faults
