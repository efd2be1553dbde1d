# SPDX-License-Identifier: Apache-2.0
"""What the Test button of a connection says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cosinv.cos.bucket_check import check_bucket
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import PARAMETER
from airflow_provider_cosinv.exceptions import COSInventoryError, COSInventoryPermissionError
from airflow_provider_cosinv.hooks.connection import BUCKET_TO_CHECK

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient
    from airflow_provider_cosinv.cos.credentials.provider import CredentialSource


def check_connection(
    client: COSClient, signer: Credentials | CredentialSource, *, bucket: str | None
) -> tuple[bool, str]:
    """
    Ask COS for the buckets of the account, and for one of them, where it is named.

    :param client: of the connection
    :param signer: who signs its requests
    :param bucket: full name; None for none
    :returns: success, and a sentence or two for a person
    """
    named = "these credentials" if isinstance(signer, Credentials) else f"the credentials from {signer}"
    try:
        said = f"COS accepts {named}. Buckets that they see in {client.region}: {len(client.list_buckets())}."
    except COSInventoryPermissionError as error:
        # A key that may use one bucket may often not list all; a wrong key is told by another code or message.
        if error.code != "AccessDenied" or "Access Denied" not in error.message:
            return False, str(error) if error.parameter == PARAMETER else f"COS refuses {named}. {error}"
        said = f"COS knows {named}. They may not list buckets"
        if bucket is None:
            return True, f"{said}, so nothing more was checked."
        said += "."
    except COSInventoryError as error:
        return False, str(error)
    if bucket is None:
        return True, said
    try:
        _see(client, bucket)
    except COSInventoryError as error:
        return False, f"{said} {error}"
    return True, f"{said} The bucket {bucket} is there."


def _see(client: COSClient, bucket: str) -> None:
    try:
        check_bucket(
            client,
            bucket,
            region=client.region,
            called="The bucket",
            parameter=BUCKET_TO_CHECK,
            hint="Correct the bucket or the region of the connection: a bucket answers only in its own region.",
        )
    except COSInventoryPermissionError as error:
        hint = "Allow them name/cos:HeadBucket on this bucket, in CAM or in the policy of the bucket."
        raise COSInventoryPermissionError(
            f"They may not ask for the bucket: {error.message}",
            **{**error.details(), "parameter": BUCKET_TO_CHECK, "hint": hint},
        ) from error
