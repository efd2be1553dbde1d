# SPDX-License-Identifier: Apache-2.0
"""Whether a bucket is there, asked before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryNotFoundError, shown

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient


def check_bucket(client: COSClient, bucket: str, *, region: str, called: str, parameter: str, hint: str) -> None:
    """
    Ask COS for a bucket: HEAD Bucket (436/7735), which needs ``name/cos:HeadBucket``.

    :param client: of the bucket's region
    :param bucket: full name
    :param region: that the bucket must be in
    :param called: what an error calls the bucket
    :param parameter: that names the bucket
    :param hint: what to do where the bucket is not there, or is elsewhere
    :raises COSInventoryNotFoundError: where there is none in the region: COS knows a bucket only in its own
    :raises COSInventoryConfigurationError: where what answers, such as a gateway, says that it is in another region
    :raises COSInventoryError: of the client
    """
    try:
        found = client.head_bucket(bucket)
    except COSInventoryNotFoundError as error:
        raise COSInventoryNotFoundError(
            f"{called} does not exist in {region}.", **{**error.details(), "parameter": parameter, "hint": hint}
        ) from error
    if found.region and found.region != region:
        raise COSInventoryConfigurationError(
            f"{called} is in {shown(found.region)}, not in {region}.", parameter=parameter, bucket=bucket, hint=hint
        )
