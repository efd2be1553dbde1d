# SPDX-License-Identifier: Apache-2.0
"""Docstrings of this package are reStructuredText, as Airflow's are; the site is Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|meth|func|attr|mod|data):`~?([^`]+)`")
_CODE = re.compile(r"``(.+?)``")
_BLOCK = re.compile(r"^(.*?)(?:\.\. code-block:: (\w+)|::)\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)


class Markdown(griffe.Extension):
    """Turns the marks of reStructuredText that this package uses into those of Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Read one object's docstring anew."""
        if obj.docstring is None:
            return
        text = _markdown(obj.docstring.value)
        if isinstance(obj, griffe.Class) and "NamedTuple" in map(str, obj.bases):
            # griffe takes what a named tuple has for attributes alone.
            text = text.replace(":param ", ":var ")
        obj.docstring.value = text


def _markdown(text: str) -> str:
    text = _BLOCK.sub(_fenced, text + "\n")
    text = _ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", text)
    return _CODE.sub(r"`\1`", text).rstrip("\n")


def _fenced(block: re.Match[str]) -> str:
    before, language, code = block.groups()
    lines = [line[4:] for line in code.rstrip("\n").split("\n")]
    intro = f"{before.rstrip()}:\n\n" if before.strip() else ""
    return "\n".join([f"{intro}```{language or 'text'}", *lines, "```\n\n"])
