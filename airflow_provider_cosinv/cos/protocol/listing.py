# SPDX-License-Identifier: Apache-2.0
"""Pages of listings: of inventories (436/30627) and of objects (436/7734)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from airflow_provider_cosinv.cos.protocol.models import CommonPrefix, ListedObject
from airflow_provider_cosinv.cos.protocol.responses import unquoted
from airflow_provider_cosinv.inventory.xml import text_of


def next_token(page: Element) -> str | None:
    """
    Return what continues a listing of inventories; None at its end.

    :raises ValueError: where more pages follow and none is named
    """
    return _continuation(page, text_of(page, "NextContinuationToken"))


def next_marker(page: Element, names: Iterable[str]) -> str | None:
    """
    Return what continues a listing of objects; None at its end.

    :param names: of the page's entries
    :raises ValueError: where more pages follow and none is named
    """
    marker = page.findtext("NextMarker")
    if marker:
        return _continuation(page, _decoded(page, marker))
    # Without it the last entry is the marker, as in Amazon S3 where no delimiter was given.
    return _continuation(page, max(names, default=None))


def entries(page: Element) -> list[ListedObject | CommonPrefix]:
    """
    Return the objects of a page, then its common prefixes.

    :raises ValueError: where a size or time is none
    """
    found: list[ListedObject | CommonPrefix] = [_object(page, element) for element in page.findall("Contents")]
    found += [CommonPrefix(prefix=folder) for folder in folders(page)]
    return found


def folders(page: Element) -> Iterator[str]:
    """Yield the common prefixes of a page."""
    for element in page.findall("CommonPrefixes"):
        yield _decoded(page, element.findtext("Prefix", ""))


def last_key(page: Element) -> str:
    """Return the last key of a page, empty if it has none."""
    elements = page.findall("Contents")
    return _decoded(page, elements[-1].findtext("Key", "")) if elements else ""


def name_of(entry: ListedObject | CommonPrefix) -> str:
    """Return what an entry of a page is listed by."""
    return entry.key if isinstance(entry, ListedObject) else entry.prefix


def _continuation(page: Element, named: str | None) -> str | None:
    if (text_of(page, "IsTruncated") or "").lower() != "true":
        return None
    if not named:
        raise ValueError("the page is truncated and does not say where it goes on")
    return named


def _object(page: Element, element: Element) -> ListedObject:
    modified = text_of(element, "LastModified")
    return ListedObject(
        key=_decoded(page, element.findtext("Key", "")),
        size=int(text_of(element, "Size") or ""),
        etag=unquoted(text_of(element, "ETag")),
        last_modified=_moment(modified) if modified else None,
        storage_class=text_of(element, "StorageClass"),
    )


def _decoded(page: Element, text: str) -> str:
    # COS says so where it did as asked; a plus is a plus.
    return unquote(text) if text_of(page, "EncodingType") == "url" else text


def _moment(text: str) -> datetime:
    # Python 3.10 does not read the Z.
    moment = datetime.fromisoformat(f"{text.removesuffix('Z')}+00:00" if text.endswith("Z") else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
