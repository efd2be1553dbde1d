# SPDX-License-Identifier: Apache-2.0
"""The columns of a report: which are always there, which can be asked for, how their names are spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

#: Written to every report, in this order (436/30622).
BASE_FIELDS = ("Appid", "Bucket", "Key")

#: Added by ``IncludedObjectVersions`` ``All`` (436/30622).
VERSION_FIELDS = ("VersionId", "IsLatest", "IsDeleteMarker")

#: The optional fields that have a name of their own (436/30625).
STANDARD_FIELDS = (
    "Size",
    "LastModifiedDate",
    "StorageClass",
    "ETag",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "Tag",
    "Crc64",
)

#: An optional field of this prefix names one header of the objects' own metadata.
METADATA_PREFIX = "x-cos-meta-"

_METADATA = re.compile(r"x-cos-meta-(?:\*|[A-Za-z0-9._-]+)")


def check_optional_fields(fields: Iterable[str], *, parameter: str = "optional_fields") -> tuple[str, ...]:
    """
    Return the optional fields where COS knows them all.

    :param fields: names of :data:`STANDARD_FIELDS`, or ``x-cos-meta-`` and the name of a header
    :raises COSInventoryConfigurationError: where one is unknown or stands twice
    """
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise COSInventoryConfigurationError(
            f"{quoted(fields)} is not a list.", parameter=parameter, hint='Give a list, such as ["Size", "ETag"].'
        )
    names = tuple(fields)
    for name in names:
        if name not in STANDARD_FIELDS and not (isinstance(name, str) and _METADATA.fullmatch(name)):
            raise COSInventoryConfigurationError(
                f"{quoted(name)} is not an optional field of a COS inventory.",
                parameter=parameter,
                hint=f"COS knows {', '.join(STANDARD_FIELDS)}, and x-cos-meta-<name> for a header of your own.",
            )
    # Names of headers have no case.
    if len({name.lower() for name in names}) < len(names):
        raise COSInventoryConfigurationError(
            f"A field stands twice in {quoted(list(names))}.", parameter=parameter, hint="Name each field once."
        )
    return names
