# SPDX-License-Identifier: Apache-2.0
"""A server that answers what a test wrote down for it, well-formed or not."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUEST_ID = "NTlhMzg1ZWVfMjQ4OGY3MGFfMWE1NF8="


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True, kw_only=True)
class Reply:
    """
    An answer.

    :param cut_after: bytes of the body after which the connection ends, though more are announced
    :param announce: send a Content-Length
    :param reset: end the connection instead of answering
    :param delay: seconds before the answer
    :param repeat: how often the body is sent, one after the other
    :param bare: without the headers that COS always sends
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    announce: bool = True
    reset: bool = False
    delay: float = 0.0
    repeat: int = 1
    bare: bool = False


RESET = Reply(reset=True)


def error_reply(status: int, code: str, message: str = "Told by the script.", **more) -> Reply:
    body = (
        "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n"
        f"\t<Code>{code}</Code>\n\t<Message>{message}</Message>\n\t<Resource></Resource>\n"
        f"\t<RequestId>{REQUEST_ID}</RequestId>\n\t<TraceId>trace</TraceId>\n</Error>\n\n"
    )
    return Reply(status=status, body=body.encode(), headers={"x-cos-trace-id": "trace"}, **more)


class ScriptedServer:
    """
    Answers the first request with the first reply, and so on; the last reply is given for ever.

    A reply may be a function of the request.

    :param first: the reply until others are written down; a port that is known before is met at once
    """

    def __init__(
        self, context: ssl.SSLContext | None = None, port: int = 0, first: Reply | Callable[[Seen], Reply] = Reply()
    ) -> None:
        self.seen: list[Seen] = []
        self.replies = [first]
        self._lock = threading.Lock()
        self._server = _Server(self, port)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def answer(self, *replies: Reply | Callable[[Seen], Reply]) -> None:
        self.seen.clear()
        self.replies = list(replies)

    def take(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(seen) if callable(reply) else reply

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.script.take(
            Seen(
                method=self.command,
                target=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
                connection=self.client_address[1],
            )
        )
        time.sleep(reply.delay)
        if reply.reset:
            self._reset()
            return
        self._send_head(reply)
        if self.command == "HEAD":
            return
        if reply.cut_after is not None:
            self.wfile.write(reply.body[: reply.cut_after])
            self.wfile.flush()
            self._reset()
            return
        for _ in range(reply.repeat):
            self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do  # noqa: N815  the names that http.server looks for

    def _send_head(self, reply: Reply) -> None:
        headers = dict(reply.headers)
        if not reply.bare:
            headers |= {
                "x-cos-request-id": REQUEST_ID,
                "Date": "Mon, 28 Aug 2018 02:53:38 GMT",
                "Server": "tencent-cos",
            }
        if not reply.announce:
            headers["Connection"] = "close"
            self.close_connection = True
        elif reply.status != 204:
            headers.setdefault("Content-Length", str(len(reply.body) * reply.repeat))
        self.send_response_only(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        self.close_connection = True
        # Give the client time to read what was sent: a reset discards it.
        time.sleep(0.02)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Closed by the server loop only after the buffered streams; shut both down now.
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    # Threads of kept connections end with their clients.
    daemon_threads = True
    block_on_close = False
    # Many connect at once.
    request_queue_size = 256

    def __init__(self, script: ScriptedServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = script

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are part of the tests."""
