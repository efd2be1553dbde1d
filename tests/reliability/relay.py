# SPDX-License-Identifier: Apache-2.0
"""A network between the provider and the emulator: it can be cut and mended, and it counts."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from urllib.parse import urlsplit

_PIECE = 64 * 1024
_LOOPBACK = "127.0.0.1"


class Relay:
    """
    Passes connections on to a server, byte by byte.

    :param url: of the server
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._asked = bytearray()
        #: Bytes that came back, headers among them.
        self.served = 0
        self._listener = _reserve(0)
        self._port = self._listener.getsockname()[1]
        self.mend()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"http://{_LOOPBACK}:{self._port}"

    @property
    def ranges(self) -> list[int]:
        """The first byte that each request with a range asked for."""
        with self._lock:
            return [int(start) for start in re.findall(rb"(?im)^range: bytes=(\d+)-\r$", bytes(self._asked))]

    def close(self) -> None:
        """End all connections; the port is free again."""
        with self._lock:
            _end(self._listener)
            self._end_all()

    def mend(self) -> None:
        """Let connections through."""
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and refuse new ones; the port stays ours."""
        with self._lock:
            _end(self._listener)
            self._listener = _reserve(self._port)
            self._end_all()

    def _end_all(self) -> None:
        while self._open:
            _end(self._open.pop())

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((self._target.hostname or "", self._target.port or 80))
                with self._lock:
                    if listener.fileno() < 0:
                        _end(client)
                        _end(server)
                        return
                    self._open |= {client, server}
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                with self._lock:
                    if is_request:
                        self._asked += piece
                    else:
                        self.served += len(piece)
                sink.sendall(piece)
        _end(sink)
        _end(source)


def _reserve(port: int) -> socket.socket:
    # Bound, not listening: whoever connects is refused.
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((_LOOPBACK, port))
    return reserved


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
