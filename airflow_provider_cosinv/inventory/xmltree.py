# SPDX-License-Identifier: Apache-2.0
"""XML as COS sends it: parsed without document types, entities or namespaces."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate


class XMLError(ValueError):
    """The bytes are not the kind of XML that COS sends."""


def parse_xml(data: bytes) -> Element:
    """
    Parse an XML document into a tree of elements without namespaces.

    No message of COS has a document type; refusing one leaves no room for entity expansion.

    :param data: the whole document, bytes
    :raises XMLError: where the document is not well formed or has a document type
    """
    builder = TreeBuilder()
    parser = ParserCreate(namespace_separator="\n")
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag.rpartition("\n")[2], attributes)

    def end(tag: str) -> None:
        builder.end(tag.rpartition("\n")[2])

    def refuse(*_: object) -> NoReturn:
        raise XMLError("the XML has a document type, which COS never sends")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003  expat takes no keywords
    except XMLError:
        raise
    except (ExpatError, LookupError, ValueError) as error:
        # The two others come from an encoding that Python does not know or expat cannot use.
        raise XMLError(f"the XML is not well formed: {error}") from error
    return builder.close()


def text_of(element: Element, path: str) -> str | None:
    """Return the text at a path below an element without surrounding white space; None where empty or absent."""
    text = (element.findtext(path) or "").strip()
    return text or None
