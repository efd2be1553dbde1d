# SPDX-License-Identifier: Apache-2.0
"""A gateway before the emulator, which changes answers as gateways do."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import Self


@dataclass(frozen=True)
class Passing:
    """
    An answer on its way.

    :param method: of its request
    :param target: of its request
    :param is_chunked: it is sent in chunks, otherwise as it is
    :param cut_after: bytes of the body after which the connection ends as if that were all
    """

    method: str
    target: str
    status: int
    headers: dict[str, str]
    body: bytes
    is_chunked: bool = False
    cut_after: int | None = None

    def with_headers(self, **headers: str | None) -> Passing:
        """Return it with headers set, or taken away; underscores stand for hyphens."""
        changed = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in changed}
        return replace(self, headers=kept | {name: value for name, value in changed.items() if value is not None})


Change = Callable[[Passing], Passing]


@dataclass
class Gateway:
    """
    Passes requests on to a server, and its answers back, changed.

    :param url: of the server
    :param changes: what happens to each answer, one after the other
    """

    url: str
    changes: list[Change] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        gateway, target = self, urlsplit(self.url).netloc

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server = http.client.HTTPConnection(target)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                server.request(self.command, self.path, body, headers)
                answer = server.getresponse()
                passing = Passing(self.command, self.path, answer.status, dict(answer.getheaders()), answer.read())
                server.close()
                gateway.passed.append((self.command, self.headers.get("Range", "")))
                for change in gateway.changes:
                    passing = change(passing)
                with contextlib.suppress(OSError):
                    self.wfile.write(_written(passing))

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815  the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Where to connect."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def _written(passing: Passing) -> bytes:
    lines = [f"HTTP/1.1 {passing.status} Told", *(f"{name}: {value}" for name, value in passing.headers.items())]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
    if passing.method == "HEAD":
        return head
    body = passing.body
    if passing.is_chunked:
        pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return head + (body if passing.cut_after is None else body[: passing.cut_after])


def weak_etag(passing: Passing) -> Passing:
    """Make the ETag weak, as a gateway that compresses does."""
    found = {name.lower(): value for name, value in passing.headers.items()}
    return passing.with_headers(ETag=f"W/{found['etag']}") if "etag" in found else passing


def header_case(passing: Passing) -> Passing:
    """Write header names as HTTP/2 does not."""
    return replace(passing, headers={name.swapcase(): value for name, value in passing.headers.items()})


def no_last_modified(passing: Passing) -> Passing:
    """Leave out when the object was written."""
    return passing.with_headers(Last_Modified=None)


def no_date(passing: Passing) -> Passing:
    """Leave out the server's time."""
    return passing.with_headers(Date=None)


def named_encoding(passing: Passing) -> Passing:
    """Name a Content-Encoding, and leave the bytes alone."""
    return passing.with_headers(Content_Encoding="gzip") if _has_object(passing) else passing


def compressed(passing: Passing) -> Passing:
    """Compress bodies, though nobody asked for it."""
    if passing.method == "HEAD" or not passing.body:
        return passing
    body = gzip.compress(passing.body, mtime=0)
    return replace(
        passing.with_headers(Content_Encoding="gzip", Content_Length=str(len(body))),
        body=body,
    )


def no_length(passing: Passing) -> Passing:
    """Leave out the length: the body ends with the connection."""
    return passing.with_headers(Content_Length=None) if passing.method != "HEAD" else passing


def chunked(passing: Passing) -> Passing:
    """Send the body in chunks."""
    if passing.method == "HEAD":
        return passing
    return replace(passing.with_headers(Content_Length=None, Transfer_Encoding="chunked"), is_chunked=True)


def partial_status(passing: Passing) -> Passing:
    """Answer 206 for a whole object."""
    if passing.status != 200 or not _has_object(passing):
        return passing
    size = len(passing.body)
    return replace(passing.with_headers(Content_Range=f"bytes 0-{size - 1}/{size}"), status=206)


def sliced(passing: Passing) -> Passing:
    """Answer a request for a whole object with its first bytes, and say so."""
    if passing.status != 200 or not _has_object(passing) or len(passing.body) < 100_000:
        return passing
    sliced_to = passing.body[:100_000]
    headers = {"Content_Range": f"bytes 0-99999/{len(passing.body)}", "Content_Length": str(len(sliced_to))}
    return replace(passing.with_headers(**headers), status=206, body=sliced_to)


def _has_object(passing: Passing) -> bool:
    return passing.method == "GET" and len(urlsplit(passing.target).path) > 1 and bool(passing.body)
