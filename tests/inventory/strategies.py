# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for values that COS can take."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import fromstring, tostring

from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.configuration import (
    FREQUENCIES,
    Destination,
    InventoryConfiguration,
    InventoryFilter,
    Schedule,
    Tag,
)
from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS

#: What XML can carry: no control characters but tab and line feed, no surrogates, not U+FFFE and U+FFFF.
xml_text = st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=0x20).filter(lambda c: c not in "\ufffe\uffff")
    | st.sampled_from("\t\n <>&\"'%+/中文清单é\u2028\x7f\x85😀"),
    max_size=30,
)
inventory_ids = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True).filter(lambda name: name not in (".", ".."))
buckets = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?-[0-9]{1,12}", fullmatch=True)
regions = st.sampled_from(["ap-guangzhou", "na-siliconvalley", "ap-shenzhen-fsi", "ap-beijing-1"])
_some_text = xml_text.filter(bool)
_whole_seconds = st.datetimes(
    min_value=datetime(2001, 9, 10),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))]),
).map(lambda moment: moment.replace(microsecond=0))


@st.composite
def filters(draw: st.DrawFn) -> InventoryFilter:
    moments = sorted(draw(st.lists(_whole_seconds, min_size=2, max_size=2)))
    return InventoryFilter(
        prefix=draw(st.none() | _some_text),
        tags=tuple(draw(st.lists(st.builds(Tag, _some_text, xml_text), max_size=3))),
        storage_classes=tuple(draw(st.lists(st.sampled_from(["STANDARD", "STANDARD_IA", "Archive"]), max_size=2))),
        created_after=draw(st.sampled_from([None, moments[0]])),
        created_before=draw(st.sampled_from([None, moments[1]])),
    )


schedules = st.one_of(
    st.builds(Schedule, frequency=st.sampled_from(FREQUENCIES)),
    st.builds(Schedule, frequency=st.just("Monthly"), monthly_date=st.integers(1, 31)),
)


@st.composite
def configurations(draw: st.DrawFn) -> InventoryConfiguration:
    conditions = draw(filters())
    names = [*STANDARD_FIELDS, "x-cos-meta-*", "x-cos-meta-author", "x-cos-meta-a.b_c-1"]
    fields = draw(st.lists(st.sampled_from(names), unique=True))
    if conditions.tags and "Tag" not in fields:
        fields.append("Tag")
    return InventoryConfiguration(
        inventory_id=draw(inventory_ids),
        destination=Destination(
            bucket=draw(buckets),
            region=draw(regions),
            prefix=draw(st.none() | _some_text),
            account_id=draw(st.none() | st.from_regex(r"[0-9]{1,15}", fullmatch=True)),
            encryption=draw(st.sampled_from([None, "SSE-COS"])),
        ),
        included_object_versions=draw(st.sampled_from(["Current", "All"])),
        filter=conditions,
        optional_fields=tuple(fields),
        schedule=draw(schedules),
        is_enabled=draw(st.booleans()),
    )


#: Whatever JSON can hold.
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, document: bytes) -> bytes:
    """A document with a piece taken out, put in or replaced."""
    position = draw(st.integers(0, len(document)))
    length = draw(st.integers(0, 40))
    inserted = draw(st.binary(max_size=20) | st.text(max_size=10).map(lambda text: text.encode("utf-8", "replace")))
    return document[:position] + inserted + document[position + length :]


@st.composite
def scrambled(draw: st.DrawFn, document: bytes) -> bytes:
    """An XML document, well formed, in which elements are missing or say something else."""
    root = fromstring(document)
    pairs = [(parent, child) for parent in root.iter() for child in parent]
    for place in draw(st.sets(st.integers(0, len(pairs) - 1), min_size=1, max_size=3)):
        parent, child = pairs[place]
        if draw(st.booleans()):
            parent.remove(child)
        else:
            child.text = draw(xml_text | st.sampled_from(["", "-1", "²", "9" * 5000, "true", "2019-05-24", "%ff"]))
    return tostring(root)
