# SPDX-License-Identifier: Apache-2.0
"""What a Parquet part says of itself: which data files of which report it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest

#: The key of a part's metadata.
ORIGIN = "cos_inventory"

# Size limit of the spans in a part's metadata. Longer spans are left out, and the order is then unknown.
_MOST_SPANS_BYTES = 1024 * 1024


class Span(NamedTuple):
    """
    From which identities to which a data file goes that is in the order of its keys, and lists none of them twice.

    :param first: key; empty in a file without rows
    :param first_versions: of it; one empty text where the report lists none
    :param last: key
    :param last_versions: of it
    """

    first: str
    first_versions: tuple[str, ...]
    last: str
    last_versions: tuple[str, ...]

    @classmethod
    def of_nothing(cls) -> Span:
        """Return that of a file without rows."""
        return cls("", (), "", ())

    @property
    def is_empty(self) -> bool:
        """Whether the file has no rows: no key is empty."""
        return not self.first


def are_in_order(spans: Iterable[Span | None]) -> bool:
    """
    Return whether files surely list each identity (Key, VersionId) once, all together.

    :param spans: of the files, in any order; None for one that is not in order
    """
    known: list[Span] = []
    for span in spans:
        if span is None:
            return False
        if not span.is_empty:
            known.append(span)
    last: str | None = None
    versions: set[str] = set()
    for span in sorted(known, key=lambda span: (span.first, span.last)):
        if last is not None and (span.first < last or (span.first == last and versions & set(span.first_versions))):
            return False
        if span.last == last:
            versions |= set(span.last_versions)
        else:
            last, versions = span.last, set(span.last_versions)
    return True


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
    :param spans: of each of them; None where one is not in order, or that is not known
    :param has_plus: whether a key has ``+`` as COS wrote it; None where that is not known
    :param has_escaped_plus: whether one has ``%2B``; together with ``has_plus`` keys cannot be decoded
    """

    bucket: str
    source_bucket: str
    manifest_key: str
    checksum: str
    matched_objects: int | None
    report_files: int
    files: tuple[str, ...]
    listed_objects: int | None = None
    spans: tuple[Span, ...] | None = None
    has_plus: bool | None = None
    has_escaped_plus: bool | None = None

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

    def telling(
        self, *, spans: Sequence[Span | None] | None, has_plus: bool | None, has_escaped_plus: bool | None
    ) -> PartOrigin:
        """Return the origin with what was found out about the keys."""
        known = None if spans is None else tuple(span for span in spans if span is not None)
        return replace(
            self,
            spans=known if known is not None and len(known) == len(self.files) else None,
            has_plus=has_plus,
            has_escaped_plus=has_escaped_plus,
        )

    def as_metadata(self) -> dict[str, str]:
        """Return the key and the text that stand in a part's metadata."""
        data = {name: value for name, value in asdict(self).items() if value is not None or name == "matched_objects"}
        if len(_as_json(data.get("spans")).encode()) > _MOST_SPANS_BYTES:
            del data["spans"]
        return {ORIGIN: _as_json(data)}

    @classmethod
    def read(cls, text: str) -> PartOrigin | None:
        """Return the origin that stands in a part's metadata; None where it is none."""
        try:
            data = json.loads(text)
            spans = data.get("spans")
            known = None if spans is None else tuple(_read_span(*span) for span in spans)
            origin = cls(**{**data, "files": tuple(data["files"]), "spans": known})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        texts = (origin.bucket, origin.source_bucket, origin.manifest_key, origin.checksum, *origin.files)
        counts = (origin.matched_objects, origin.listed_objects)
        facts = (origin.has_plus, origin.has_escaped_plus)
        is_one = (
            all(isinstance(text, str) for text in texts)
            and type(origin.report_files) is int
            and all(count is None or type(count) is int for count in counts)
            and all(fact is None or isinstance(fact, bool) for fact in facts)
        )
        return origin if is_one else None


def _as_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _read_span(first: str, first_versions: list[str], last: str, last_versions: list[str]) -> Span:
    span = Span(first, tuple(first_versions), last, tuple(last_versions))
    if not all(isinstance(text, str) for text in (first, last, *span.first_versions, *span.last_versions)):
        raise TypeError(span)
    return span
