# SPDX-License-Identifier: Apache-2.0
"""Names of buckets and inventories."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

# Lower-case letters, digits and hyphens, not at the ends; the APPID is a number (436/13312).
_BUCKET = re.compile(r"([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-([0-9]+)")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_INVENTORY_ID = re.compile(r"[A-Za-z0-9._-]+")

#: No page of COS says how long an inventory id may be; Amazon S3, which COS follows, stops at 64 characters.
INVENTORY_ID_LENGTH = 64


@dataclass(frozen=True)
class BucketName:
    """The full name of a bucket, ``name-APPID``, in its two parts."""

    name: str
    appid: str

    def __str__(self) -> str:
        """Return the full name."""
        return f"{self.name}-{self.appid}"

    @classmethod
    def parse(cls, full_name: str, *, parameter: str = "bucket") -> BucketName:
        """
        Split a full bucket name.

        :param full_name: ``name-APPID``, such as ``examplebucket-1250000000``
        :param parameter: how the caller calls the value, for the error
        :raises COSInventoryConfigurationError: where the name is not a full bucket name
        """
        match = _BUCKET.fullmatch(full_name) if isinstance(full_name, str) else None
        if not match:
            raise COSInventoryConfigurationError(
                f"{quoted(full_name)} is not a full bucket name.",
                parameter=parameter,
                hint="Write name-APPID, such as examplebucket-1250000000: lower-case letters, digits and hyphens, "
                "with the APPID at the end.",
            )
        return cls(match[1], match[2])


def check_region(region: str | None, *, parameter: str = "region") -> str:
    """
    Return the region where it is spelled like one.

    :param region: such as ``ap-guangzhou``
    :raises COSInventoryConfigurationError: where it is missing or not spelled like a region
    """
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise COSInventoryConfigurationError(
            f"{quoted(region)} is not a region." if region else "No region is given.",
            parameter=parameter,
            hint="Write the region's code, such as ap-guangzhou, in the connection or as the region of the task.",
        )
    return region


def check_inventory_id(inventory_id: str, *, parameter: str = "inventory_id") -> str:
    """
    Return the inventory id where COS can take it.

    :raises COSInventoryConfigurationError: where a character is not one of ``a-z A-Z 0-9 - _ .`` (436/46869),
        where the id is longer than 64 characters, or where it is ``.`` or ``..``
    """
    # The id is a segment of the report's keys, and HTTP clients resolve the segments . and .. away.
    if not isinstance(inventory_id, str) or not _INVENTORY_ID.fullmatch(inventory_id) or inventory_id in (".", ".."):
        raise COSInventoryConfigurationError(
            f"{quoted(inventory_id)} is not an inventory id.",
            parameter=parameter,
            hint="Use letters a-z and A-Z, digits, hyphen, underscore and dot only.",
        )
    if len(inventory_id) > INVENTORY_ID_LENGTH:
        raise COSInventoryConfigurationError(
            f"The inventory id {quoted(inventory_id)} has {len(inventory_id)} characters.",
            parameter=parameter,
            hint=f"Use at most {INVENTORY_ID_LENGTH}.",
        )
    return inventory_id
