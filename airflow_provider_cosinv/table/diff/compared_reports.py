# SPDX-License-Identifier: Apache-2.0
"""Whether two reports may be compared, and what to know about a comparison: by what their manifests say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.inventory.report.manifest import Manifest, filter_warnings
from airflow_provider_cosinv.table.parquet.origin import PartOrigin

_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# Columns that are named at most.
_MOST_NAMES = 10
# Names come from a manifest.
_SHOWN_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class ComparedReport:
    """
    One of two reports that are compared, as its manifest describes it.

    :param bucket: full name of the bucket that holds the report
    :param source_bucket: full name of the bucket that was listed
    :param manifest_key: key of the manifest
    :param columns: of the report's table
    :param listed_objects: objects that COS went through; None if that is not known
    :param matched_objects: objects that passed the filter; None if that is not known
    """

    bucket: str
    source_bucket: str
    manifest_key: str
    columns: tuple[str, ...]
    listed_objects: int | None
    matched_objects: int | None

    @classmethod
    def of(cls, known: Manifest | PartOrigin, columns: Sequence[str]) -> ComparedReport:
        """
        Return the description of a report.

        :param known: its manifest, or the origin of its parts
        :param columns: of its table
        """
        return cls(
            bucket=known.bucket,
            source_bucket=known.source_bucket,
            manifest_key=known.manifest_key,
            columns=tuple(columns),
            listed_objects=known.listed_objects,
            matched_objects=known.matched_objects,
        )

    @property
    def date(self) -> str | None:
        """The report's date, ``YYYYMMDD``, by its manifest's key; None if that has none."""
        found = _DATE.match(("", *self.manifest_key.split("/"))[-2])
        return "".join(found.groups()) if found else None

    @property
    def is_filtered(self) -> bool | None:
        """Whether the report leaves out objects that COS went through; None if that is not known."""
        if not self.listed_objects or self.matched_objects is None:
            return None
        return self.matched_objects < self.listed_objects


def check_alike(previous: ComparedReport | None, current: ComparedReport) -> tuple[str, ...]:
    """
    Return warnings about a comparison of two reports: a sentence each.

    :param previous: the earlier report; None if there is none
    :param current: the later report
    :raises COSInventoryConfigurationError: if they are of different source buckets
    """
    if previous is None:
        return filter_warnings(current, name="current report")
    if previous.source_bucket != current.source_bucket:
        raise COSInventoryConfigurationError(
            f"The previous report lists {_shown(previous.source_bucket)}, the current one"
            f" {_shown(current.source_bucket)}: reports of different buckets cannot be compared.",
            parameter="previous",
            bucket=previous.bucket,
            key=previous.manifest_key,
            hint="Pass two reports of one source bucket.",
        )
    return tuple(_warnings(previous, current))


def _warnings(previous: ComparedReport, current: ComparedReport) -> Iterator[str]:
    yield from filter_warnings(previous, name="previous report")
    yield from filter_warnings(current, name="current report")
    if previous.date and current.date and previous.date > current.date:
        yield (
            f"The previous report is of {previous.date}, the current one of {current.date}: what was added counts as"
            " removed. Exchange previous and current."
        )
    names = {"previous": set(previous.columns), "current": set(current.columns)}
    only = [
        f"{_listed(names[one] - names[other])} only in the {one} report"
        for one, other in (("previous", "current"), ("current", "previous"))
        if names[one] - names[other]
    ]
    if only:
        yield f"The two reports were ordered with different fields: {', '.join(only)}."
    filtered = {previous.is_filtered: ("previous", previous), current.is_filtered: ("current", current)}
    if {True, False} <= filtered.keys():
        (part, report), (whole, _) = filtered[True], filtered[False]
        yield (
            f"The two reports may have been ordered with different filters or prefixes: the {part} one has"
            f" {report.matched_objects:,} of {report.listed_objects:,} listed objects, the {whole} one all."
        )


def _listed(names: Iterable[str]) -> str:
    first, rest = sorted(names)[:_MOST_NAMES], sorted(names)[_MOST_NAMES:]
    return ", ".join(map(_shown, first)) + (f" and {len(rest)} more" if rest else "")


def _shown(name: str) -> str:
    text = quoted(name, limit=_SHOWN_LIMIT)
    return name if text == f"'{name}'" else text
