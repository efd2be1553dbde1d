# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml, text_of

BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]>
<a>&lol3;</a>"""


@pytest.mark.parametrize(
    "hostile",
    [
        BILLION_LAUGHS,
        b'<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]><a>&file;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        b'<!DOCTYPE a PUBLIC "-//A//B" "http://127.0.0.1:9/a.dtd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY % p "x"> %p;]><a/>',
    ],
    ids=["billion laughs", "external entity", "external DTD", "public DTD", "bare DTD", "parameter entity"],
)
def test_a_document_type_is_refused(hostile: bytes) -> None:
    with pytest.raises(XMLError, match="document type"):
        parse_xml(hostile)


def test_an_entity_that_nobody_declared_is_refused() -> None:
    with pytest.raises(XMLError, match="not well formed"):
        parse_xml(b"<a>&secret;</a>")


@pytest.mark.parametrize("encoding", ["foo", "hex", "utf-7", "gbk", "idna", "undefined", "utf-32"])
def test_an_encoding_that_cannot_be_read_is_an_error_of_the_document(encoding: str) -> None:
    with pytest.raises(XMLError):
        parse_xml(f'<?xml version="1.0" encoding="{encoding}"?><a>x</a>'.encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_of_xml_are_read(encoding: str) -> None:
    assert parse_xml("<a><b>清单</b></a>".encode(encoding)).findtext("b") == "清单"


@pytest.mark.parametrize("document", [b"", b" ", b"<a>", b"<a></b>", b"<a/><a/>", b"{}", b"<html><br></html>", b"\xff"])
def test_what_is_not_well_formed_is_refused(document: bytes) -> None:
    with pytest.raises(XMLError, match="not well formed"):
        parse_xml(document)


def test_namespaces_are_dropped_from_tags() -> None:
    root = parse_xml(b'<c:a xmlns:c="http://cos" xmlns="http://...."><c:b>1</c:b><d>2</d></c:a>')

    assert (root.tag, root.findtext("b"), root.findtext("d")) == ("a", "1", "2")


def test_text_is_returned_without_surrounding_space_and_none_where_there_is_none() -> None:
    root = parse_xml(b"<a><b> x\n</b><c> </c><d/></a>")

    assert [text_of(root, name) for name in "bcde"] == ["x", None, None, None]


@pytest.mark.parametrize(
    "body",
    [
        b"<a>" * 65 + b"</a>" * 65,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<a>" + b"<b/>" * 100_000 + b"</a>",
        b"<a " + b" ".join(b'b%d=""' % number for number in range(30_000)) + b"/>",
    ],
    ids=["deep", "very-deep", "wide", "attributes"],
)
def test_document_unlike_any_of_cos_is_refused(body: bytes) -> None:
    with pytest.raises(XMLError, match="than any of COS"):
        parse_xml(body)


def test_long_text_is_read() -> None:
    assert parse_xml(b"<a>" + b"x" * 1_000_000 + b"</a>").text == "x" * 1_000_000


@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(XMLError):
        parse_xml(data)
