# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: COS for hosts of buckets, the control path for the bare address."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import TYPE_CHECKING

from airflow_provider_cosinv.emulator.api.actions import find_action, subject
from airflow_provider_cosinv.emulator.api.request_handling import ConnectionReset, answer
from airflow_provider_cosinv.emulator.clock import http_date
from airflow_provider_cosinv.emulator.control import PATH, control_app
from airflow_provider_cosinv.emulator.errors import COSError, error_document
from airflow_provider_cosinv.emulator.hosts import is_address, is_loopback
from airflow_provider_cosinv.emulator.http import COSRequest, Reply, text_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from airflow_provider_cosinv.emulator.faults import Fault
    from airflow_provider_cosinv.emulator.state import Emulation

_log = logging.getLogger(__name__)

_NO_BODY = (204, 304)


class ClientGone(Exception):  # noqa: N818  nobody is left to tell
    """The client closed the connection before its request was complete."""


class Application:
    """
    The emulator as an ASGI application.

    :param emulation: the service
    :param reset: resets the connection of a peer (host, port)
    """

    def __init__(self, *, emulation: Emulation, reset: Callable[[tuple[str, int]], None]) -> None:
        self._emulation = emulation
        self._reset = reset
        self._control: ASGIApp = control_app(emulation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {_text(name).lower(): _text(value) for name, value in scope["headers"]}
        if self._is_control(scope, headers.get("host", "")):
            await self._control(scope, receive, send)
            return
        try:
            await self._answer(scope, headers, receive, send)
        except ClientGone:
            _log.debug("A client closed the connection before its request was complete")

    def _is_control(self, scope: Scope, host: str) -> bool:
        # The peer is this machine, and the host is an address: no name of another site, which a browser would
        # send for a page that points its own name here.
        peer = scope["client"][0] if scope["client"] else ""
        return scope["path"].startswith(f"{PATH}/") and is_address(host) and is_loopback(peer)

    async def _answer(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        request_id = base64.b64encode(secrets.token_hex(12).encode()).decode()
        fault: Fault | None = None
        resource = headers.get("host", "")
        try:
            raw_path = scope.get("raw_path") or scope["path"].encode()
            request = COSRequest.read(scope["method"], raw_path, scope["query_string"], headers)
            resource = request.resource
            action = find_action(request)
            fault = self._emulation.faults.take(
                method=request.method, action=action.name, bucket=request.bucket, key=subject(request)
            )
            reply = await answer(self._emulation, request, action, fault, _chunks(receive))
        except COSError as error:
            reply = _error_reply(error, resource=resource, request_id=request_id)
            if fault is not None:
                reply = fault.spoil(reply)
        except ConnectionReset:
            self._reset(scope["client"])
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        except OSError:
            _log.exception("A body could not be written or read")
            reply = _error_reply(COSError("InternalError"), resource=resource, request_id=request_id)
        reply.headers = {
            "server": "tencent-cos",
            "date": http_date(self._emulation.clock.now()),
            "x-cos-request-id": request_id,
            **reply.headers,
        }
        await _send(reply, send, head=scope["method"] == "HEAD", limit=fault.cut_after if fault else None)


def _error_reply(error: COSError, *, resource: str, request_id: str) -> Reply:
    trace_id = base64.b64encode(secrets.token_bytes(48)).decode()
    body = error_document(error, resource=resource, request_id=request_id, trace_id=trace_id)
    reply = text_reply(body, status=error.status)
    reply.headers = {**reply.headers, "x-cos-trace-id": trace_id, **error.headers}
    return reply


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if chunk := message.get("body", b""):
            yield chunk
        more = message.get("more_body", False)


async def _send(reply: Reply, send: Send, *, head: bool, limit: int | None) -> None:
    """Send an answer; with ``limit`` at most so many bytes of its body, as if the connection broke."""
    headers = [(_spelled(name), value.encode()) for name, value in reply.headers.items()]
    if reply.status != 204:  # noqa: PLR2004  which has no length
        headers.append((b"Content-Length", b"%d" % reply.length))
    chunks = reply.chunks()
    # The first bytes are read before the status is sent: a file that is gone can still be a clean error.
    body = b"" if head or reply.status in _NO_BODY else next(chunks, b"")
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    left = reply.length if limit is None else limit
    while body:
        await send({"type": "http.response.body", "body": body[:left], "more_body": True})
        left -= len(body)
        if left < 0 and limit is not None:
            # The server closes a connection whose answer stays incomplete.
            return
        body = next(chunks, b"")
    await send({"type": "http.response.body", "body": b""})


@cache
def _spelled(name: str) -> bytes:
    # As COS spells them; see server.py for who cares.
    if name.startswith("x-"):
        return name.encode()
    return b"ETag" if name == "etag" else name.title().encode()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
