# SPDX-License-Identifier: Apache-2.0
"""A proxy on this machine: it keeps what it is asked for, and hands it on."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The head of a request to the proxy."""

    method: str
    target: str
    headers: dict[str, str]


class ProxyServer:
    """
    Tunnels after CONNECT, and forwards other requests without the header that is for the proxy.

    :param tls: of a proxy that is itself reached over TLS
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client that goes away, or trusts another authority, is part of the tests.
        with contextlib.suppress(OSError), client:
            if self._tls is None:
                self._hand_on(client)
            else:
                with self._tls.wrap_socket(client, server_side=True) as wrapped:
                    self._hand_on(wrapped)

    def _hand_on(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        self.asked.append(
            Asked(method=method, target=target, headers={name.lower(): value for name, value in headers.items()})
        )
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                # One request a connection: the next may be for another host.
                sent = {name: value for name, value in headers.items() if name.lower() != "proxy-authorization"}
                lines = [f"{name}: {value}" for name, value in {**sent, "Connection": "close"}.items()]
                path = parts._replace(scheme="", netloc="").geturl()
                server.sendall("\r\n".join([f"{method} {path} {version}", *lines, "", ""]).encode("latin-1"))
            server.sendall(rest)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    # An end is handed on, too: neither side waits for the other.
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
