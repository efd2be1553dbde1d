# SPDX-License-Identifier: Apache-2.0
"""XML answers, written as text."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def text(value: object) -> str:
    """Return a value as the text of an XML element."""
    # A key may hold control characters; COS writes them as references.
    return _CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", escape(str(value)))


def node(tag: str, value: object = "") -> str:
    """Return an element with a text."""
    return f"<{tag}>{text(value)}</{tag}>"


def parent(tag: str, *children: str) -> str:
    """Return an element with elements, each already XML."""
    return f"<{tag}>{''.join(children)}</{tag}>"


def document(tag: str, *children: str) -> bytes:
    """Return a whole document."""
    return f"<?xml version='1.0' encoding='utf-8' ?>\n{parent(tag, *children)}".encode("utf-8", "replace")
