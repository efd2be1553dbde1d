# SPDX-License-Identifier: Apache-2.0
"""The network side: uvicorn in a thread of this process."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Longer than any client of COS keeps an idle connection, so that the client is the one that closes it.
_KEEP_ALIVE = 300
_START_TIMEOUT = 30.0
# The head of an answer and a short body.
_GATHERED_BYTES = 16 * 1024
# Seconds that answers under way may take when the server stops.
_GRACE = 1.0


class _Gathering:
    """
    A transport that sends what is written in one step of the event loop at once, as web servers do.

    Of uvicorn's pieces, the head and the body of a short answer, each would wake the client.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pieces:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pieces.append(data)
        # A long body flows at the pace of the client.
        if sum(map(len, self._pieces)) > _GATHERED_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            self._transport.write(b"".join(self._pieces))
            self._pieces.clear()

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class Connections:
    """The open connections by peer, so that a fault can reset one."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's HTTP protocol, which takes note of its connections here."""
        transports = self._transports

        # Of uvicorn's two protocols this one keeps the case of header names. The SDK hands headers out in a plain
        # dict, so that its users write response["ETag"].
        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self._peer = transport.get_extra_info("peername")[:2]
                self._plain = transports[self._peer] = transport
                super().connection_made(cast("asyncio.Transport", _Gathering(transport)))

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                if transports.get(self._peer) is self._plain:
                    del transports[self._peer]

        return cast("type[asyncio.Protocol]", Protocol)

    def reset(self, peer: tuple[str, int]) -> None:
        """Reset a connection: the peer sees ECONNRESET and nothing of an answer."""
        transport = self._transports.get((peer[0], peer[1]))
        if transport is None:
            return
        # To close with a linger time of zero is to reset. On a duplicate, because not every event loop lets one
        # set options on its own socket.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class PromptServer(uvicorn.Server):
    """
    A server that stops at once. Uvicorn's own looks every 0.1 s whether it shall, and waits 0.1 s for connections.

    :param config: of uvicorn
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        while not self.should_exit:
            await self._wake.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and wait for the answers that are under way."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _GRACE
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < deadline:  # noqa: ASYNC110  uvicorn tells of neither
            await asyncio.sleep(_GRACE / 1000)
        for task in self.server_state.tasks:
            task.cancel()

    def stop(self) -> None:
        """Tell it to stop, from another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)


class ServerThread:
    """
    Serves an application until it is stopped.

    :param make_app: makes the application, given what resets the connection of a peer
    :param host: address to bind
    :param port: 0 is any free one
    :param tls: PEM files of the certificate and its key; None is plain HTTP
    """

    def __init__(
        self,
        *,
        make_app: Callable[[Callable[[tuple[str, int]], None]], ASGIApp],
        host: str,
        port: int,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self._make_app = make_app
        self._host = host
        self._port = port
        self._tls = tls
        self._server: PromptServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """
        Start, and wait until requests are answered.

        :return: the port
        :raises OSError: where the address cannot be bound, or the certificate not be used
        """
        connections = Connections()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
        except OSError:
            listener.close()
            raise
        config = uvicorn.Config(
            self._make_app(connections.reset),
            http=connections.protocol(),
            ws="none",  # uvicorn would import a library for it, whose deprecation older ones warn of
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            ssl_certfile=self._tls[0] if self._tls else None,
            ssl_keyfile=self._tls[1] if self._tls else None,
        )
        try:
            config.load()
        except OSError as error:
            listener.close()
            raise OSError(f"The certificate or its key cannot be used ({self._tls}): {error}") from error
        self._server = PromptServer(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="cosinv-emulator", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The emulator's server did not start; see the log of uvicorn.error.")
            time.sleep(0.005)
        port: int = listener.getsockname()[1]
        return port

    def stop(self) -> None:
        """Stop and wait for the end."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
