# SPDX-License-Identifier: Apache-2.0
"""XML as COS sends it: parsed without document types, entities or namespaces."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate


class XMLError(ValueError):
    """The bytes are not the kind of XML that COS sends."""


#: Elements of a document: a page of a listing has 1,000 entries of some ten.
MAX_ELEMENTS = 100_000
#: Elements within each other: COS has six.
MAX_DEPTH = 64
#: Bytes of one tag or comment: no tag of COS has attributes, but for a namespace.
MAX_TAG_BYTES = 64 * 1024
_PIECE = 64 * 1024


class XMLReader:
    """
    Parses an XML document into a tree of elements without namespaces, as its bytes arrive.

    No message of COS has a document type; refusing one leaves no room for entity expansion. What would make a tree of
    many times the document's bytes is refused before it is built.
    """

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._parser = parser = ParserCreate(namespace_separator="\n")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._elements = 0
        self._open: list[str] = []
        self._unread = 0

    def feed(self, data: bytes) -> None:
        """
        Parse the next bytes, 64 KiB at a time.

        :raises XMLError: where the document is not well formed, has a document type, or is not like one of COS
        """
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._unread += len(piece)
            self._parse(piece, is_last=False)
            if self._unread > MAX_TAG_BYTES + len(piece):
                raise XMLError("the XML has a tag that is longer than any of COS")

    def close(self) -> Element:
        """
        Return the document.

        :raises XMLError: where it is not whole
        """
        self._parse(b"", is_last=True)
        return self._builder.close()

    def close_early(self) -> Element | None:
        """Return as much of the document as arrived; None if that is no element."""
        if not self._elements:
            return None
        for tag in reversed(self._open):
            self._builder.end(tag)
        return self._builder.close()

    def _parse(self, data: bytes, *, is_last: bool) -> None:
        try:
            self._parser.Parse(data, is_last)
        except XMLError:
            raise
        except (ExpatError, LookupError, ValueError) as error:
            # The two others come from an encoding that Python does not know or expat cannot use.
            raise XMLError(f"the XML is not well formed: {error}") from error

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._unread = 0
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise XMLError("the XML has more elements than any of COS")
        name = tag.rpartition("\n")[2]
        self._open.append(name)
        self._builder.start(name, attributes)

    def _end(self, _: str) -> None:
        self._unread = 0
        self._builder.end(self._open.pop())

    def _text(self, text: str) -> None:
        self._unread = 0
        self._builder.data(text)

    def _refuse_doctype(self, *_: object) -> NoReturn:
        raise XMLError("the XML has a document type, which COS never sends")


def parse_xml(data: bytes) -> Element:
    """
    Parse an XML document into a tree of elements without namespaces.

    :param data: the whole document, bytes
    :raises XMLError: as :class:`XMLReader` raises it
    """
    reader = XMLReader()
    reader.feed(data)
    return reader.close()


def text_of(element: Element, path: str) -> str | None:
    """Return the text at a path below an element without surrounding white space; None where empty or absent."""
    text = (element.findtext(path) or "").strip()
    return text or None
