# SPDX-License-Identifier: Apache-2.0
"""What a Parquet part says of itself: which data files of which report it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_cosinv.inventory.manifest import DataFile, Manifest

#: The key of a part's metadata.
ORIGIN = "cos_inventory"


@dataclass(frozen=True, kw_only=True)
class PartOrigin:
    """
    What a Parquet part was made of. It stands in the part's own metadata.

    :param bucket: full name of the bucket that holds the report
    :param source_bucket: full name of the bucket that was listed
    :param manifest_key: key of the manifest
    :param checksum: MD5 of the manifest, 32 hex digits
    :param matched_objects: rows of the whole report; None in a manifest of the first generation
    :param report_files: data files of the whole report
    :param files: keys of the data files of this part
    :param listed_objects: objects that COS went through; None in a manifest of the first generation
    """

    bucket: str
    source_bucket: str
    manifest_key: str
    checksum: str
    matched_objects: int | None
    report_files: int
    files: tuple[str, ...]
    listed_objects: int | None = None

    @classmethod
    def of(cls, report: Manifest, files: Iterable[DataFile]) -> PartOrigin:
        """Return the origin of a part."""
        return cls(
            bucket=report.bucket,
            source_bucket=report.source_bucket,
            manifest_key=report.manifest_key,
            checksum=report.checksum,
            matched_objects=report.matched_objects,
            report_files=len(report.files),
            files=tuple(file.key for file in files),
            listed_objects=report.listed_objects,
        )

    def as_metadata(self) -> dict[str, str]:
        """Return the key and the text that stand in a part's metadata."""
        text = json.dumps({**vars(self), "files": list(self.files)}, ensure_ascii=False, separators=(",", ":"))
        return {ORIGIN: text}

    @classmethod
    def read(cls, text: str) -> PartOrigin | None:
        """Return the origin that stands in a part's metadata; None where it is none."""
        try:
            data = json.loads(text)
            origin = cls(**{**data, "files": tuple(data["files"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        texts = (origin.bucket, origin.source_bucket, origin.manifest_key, origin.checksum, *origin.files)
        numbers = (origin.report_files, origin.matched_objects or 0, origin.listed_objects or 0)
        is_one = all(isinstance(text, str) for text in texts) and all(isinstance(number, int) for number in numbers)
        return origin if is_one else None
