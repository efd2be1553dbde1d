# SPDX-License-Identifier: Apache-2.0
"""The errors of COS: code, status and the XML body that carries them (436/7730)."""

from __future__ import annotations

from airflow_provider_cosinv.emulator.xml import document, node

# code -> HTTP status, message where no better one is given
_KNOWN = {
    "AccessDenied": (403, "Access Denied."),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAccelerateNotEnabled": (400, "The bucket has no global acceleration enabled."),
    "BucketAlreadyExists": (409, "The requested bucket name is not available."),
    "BucketAlreadyOwnedByYou": (409, "The bucket you tried to create already exists and you own it."),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty."),
    "DuplicateInventoryId": (409, "The inventory id is used by another inventory."),
    "EntityTooLarge": (400, "The request body is too large."),
    "EntityTooSmall": (400, "The part is smaller than 1 MB, and not the last one."),
    "ExpiredToken": (400, "The provided token has expired."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid argument."),
    "InvalidBucketName": (400, "The bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidObjectState": (403, "The operation is not valid for the object's storage class."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range is not satisfiable."),
    "InvalidTag": (400, "The tag is not valid."),
    "InvalidURI": (400, "The URI could not be parsed."),
    "InventoryConfigurationNotFoundError": (404, "The specified inventory configuration does not exist."),
    "InventoryFull": (400, "The bucket has 1000 inventory configurations already."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingRequestBodyError": (400, "The request body is missing."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified multipart upload does not exist."),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (501, "The emulator does not know this request."),
    "PathStyleDomainForbidden": (
        403,
        "The bucket you are attempting to access must be addressed using COS virtual-styled domain.",
    ),
    "PreconditionFailed": (412, "Precondition Failed"),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the server's time is too large.",
    ),
    "SignatureDoesNotMatch": (
        403,
        "The Signature you specified is invalid. Check the secret key and the signing method.",
    ),
    "SlowDown": (503, "Reduce your request rate."),
}


class COSError(Exception):
    """
    An answer of COS that is an error.

    :param code: the error code, such as ``NoSuchBucket``
    :param message: what happened; by default the usual message of the code
    :param status: the HTTP status; by default the usual one of the code, or 400
    :param headers: response headers that come with it
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        known_status, known_message = _KNOWN.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.message = message if message is not None else known_message
        self.status = status if status is not None else known_status
        self.headers = headers or {}


def error_document(error: COSError, *, resource: str, request_id: str, trace_id: str) -> bytes:
    """Return the XML body of an error."""
    return document(
        "Error",
        node("Code", error.code),
        node("Message", error.message),
        node("Resource", resource),
        node("RequestId", request_id),
        node("TraceId", trace_id),
    )
