# SPDX-License-Identifier: Apache-2.0
"""A request as the emulator reads it, and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, unquote_to_bytes

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.hosts import Target, parse_host
from airflow_provider_cosinv.emulator.storage.bodies import EMPTY, Body, MemoryBody

#: Bodies of sub-resources, XML all of them, are not larger than this, in bytes.
XML_LIMIT = 1024 * 1024

_ABSOLUTE = re.compile(rb"^https?://[^/]*/?")


@dataclass(frozen=True)
class ReceivedBody:
    """The body of a request, received whole; ``md5`` in bytes."""

    content: Body
    size: int
    md5: bytes
    crc64: int

    def xml(self) -> bytes:
        """
        Return the body of a sub-resource.

        :raises COSError: ``MissingRequestBodyError``, or ``EntityTooLarge`` above 1 MiB
        """
        if not self.size:
            raise COSError("MissingRequestBodyError")
        if self.size > XML_LIMIT:
            raise COSError("EntityTooLarge")
        return b"".join(self.content.read(0, self.size))


@dataclass
class COSRequest:
    """
    One request to COS.

    :param path: decoded
    :param query: decoded, in the order sent
    :param headers: names in lower case
    """

    method: str
    target: Target
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: ReceivedBody = field(default_factory=lambda: ReceivedBody(EMPTY, 0, b"", 0))

    @classmethod
    def read(cls, method: str, raw_path: bytes, query: bytes, headers: Mapping[str, str]) -> COSRequest:
        """
        Return a request without its body.

        :param raw_path: as sent; with scheme and host in front where the client takes the emulator for a proxy
        :raises COSError: ``InvalidURI`` where the path is not UTF-8
        """
        pairs = []
        for part in query.decode("latin-1").split("&"):
            name, _, value = part.partition("=")
            if name:
                pairs.append((unquote_plus(name), unquote_plus(value)))
        try:
            path = unquote_to_bytes(_ABSOLUTE.sub(b"/", raw_path)).decode()
        except UnicodeDecodeError:
            raise COSError("InvalidURI") from None
        return cls(method, parse_host(headers.get("host", "")), path, tuple(pairs), headers)

    @property
    def key(self) -> str:
        """The object's key; empty where the request is for the bucket."""
        return self.path[1:]

    @property
    def bucket(self) -> str:
        """The full name of the bucket."""
        return self.target.bucket or ""

    @property
    def params(self) -> dict[str, str]:
        """The query parameters."""
        return dict(self.query)

    @property
    def resource(self) -> str:
        """What an error says that the request was for: host and path, without scheme."""
        return self.headers.get("host", "") + (self.path if self.key else "")


@dataclass
class Reply:
    """
    An answer.

    :param content: the body
    :param start: offset in the body of what is sent, bytes
    :param length: of what is sent, bytes
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: Body = EMPTY
    start: int = 0
    length: int = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the body."""
        return self.content.read(self.start, self.length)


def text_reply(data: bytes, *, status: int = 200, content_type: str = "application/xml") -> Reply:
    """Return an answer that is a text, XML for one."""
    return Reply(status=status, headers={"content-type": content_type}, content=MemoryBody(data), length=len(data))
