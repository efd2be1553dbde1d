# SPDX-License-Identifier: Apache-2.0
"""
The services that issue credentials, played over HTTP: the metadata service of a CVM instance, and STS.

What is issued is made known to an emulator of COS, which then checks signature, token and end. The metadata service
has a host name of its own that nothing can change, so it is reached as a proxy for it: ``HTTP_PROXY``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import Self

from airflow_provider_cosinv.emulator import COSEmulator

METADATA_HOST = "metadata.tencentyun.com"
ROLE = "inventory-reader"
ROLE_ARN = "qcs::cam::uin/100000000001:roleName/inventory-reader"
CALLER = ("AKIDcaller", "caller-key-caller-key-caller-key")
WEB_TOKEN = "web-identity-web-identity-web-identity"
EXTERNAL_ID = "team-7"
_PATH = "/latest/meta-data/cam/security-credentials/"


@dataclass(frozen=True)
class Answer:
    """What a service answers: a status, a body and more headers, after some seconds."""

    status: int = 200
    body: Any = ""
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Cloud:
    """
    Issues credentials.

    :param cos: where they are valid
    :param tls: what it serves HTTPS with
    :param lifetime: seconds that they hold
    :param role: that is bound to the machine
    :param allow: what the credentials may do at COS
    :param callers: who may assume the role: SecretId and SecretKey
    :param answers: what is answered instead, one after the other; the last for ever
    :param gate: no request is answered before it is set
    """

    cos: COSEmulator
    tls: ssl.SSLContext | None = None
    lifetime: float = 3600.0
    role: str | None = ROLE
    allow: tuple[str, ...] = ("cos:*",)
    callers: dict[str, str] = field(default_factory=lambda: dict([CALLER]))
    answers: list[Answer] = field(default_factory=list)
    gate: threading.Event | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    issued: list[tuple[str, str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = _Server(self)
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def actions(self) -> list[str]:
        return [one["action"] for one in self.seen]

    def take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        is_metadata = parts.hostname == METADATA_HOST or headers.get("host") == METADATA_HOST
        action = parts.path.removeprefix("/latest/meta-data/") if is_metadata else headers.get("x-tc-action", "")
        with self._lock:
            self.seen.append({"action": action, "headers": dict(headers), "body": body})
        if self.gate:
            self.gate.wait(60)
        with self._lock:
            if self.answers:
                return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self._metadata(parts.path) if is_metadata else self._sts(method, action, headers, body)

    def issue(self) -> tuple[str, str, str]:
        with self._lock:
            number = len(self.issued) + 1
            one = (f"AKIDtemporary{number}", f"issued-key-{number}-" + "k" * 20, f"issued-token-{number}-" + "t" * 20)
            self.issued.append(one)
        self.cos.add_credential(
            secret_id=one[0],
            secret_key=one[1],
            token=one[2],
            # A request that is signed in time may be slow.
            expires_in=max(self.lifetime, 0) + 0.5,
            allow=self.allow,
        )
        return one

    def _ends(self) -> int:
        return int(time.time() + self.lifetime)

    def _metadata(self, path: str) -> Answer:
        if self.role is None or not path.startswith(_PATH):
            return Answer(404, "<html>Not Found</html>")
        if path == _PATH:
            return Answer(body=self.role)
        secret_id, secret_key, token = self.issue()
        return Answer(
            body={
                "TmpSecretId": secret_id,
                "TmpSecretKey": secret_key,
                "Token": token,
                "ExpiredTime": self._ends(),
                "Expiration": datetime.fromtimestamp(self._ends(), timezone.utc).isoformat(),
                "Code": "Success",
            }
        )

    def _sts(self, method: str, action: str, headers: Mapping[str, str], body: bytes) -> Answer:
        asked = json.loads(body)
        if action == "AssumeRole":
            problem = self._check_signature(method, headers, body)
            if problem:
                return refusal(problem)
        elif action != "AssumeRoleWithWebIdentity" or asked["WebIdentityToken"] != WEB_TOKEN:
            return refusal("InvalidParameter.WebIdentityTokenError")
        if asked["RoleArn"] != ROLE_ARN:
            return refusal("ResourceNotFound.RoleNotFound")
        secret_id, secret_key, token = self.issue()
        credentials = {"TmpSecretId": secret_id, "TmpSecretKey": secret_key, "Token": token}
        return Answer(body={"Response": {"Credentials": credentials, "ExpiredTime": self._ends(), "RequestId": "r-1"}})

    def _check_signature(self, method: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Check what is signed with TC3-HMAC-SHA256, for a known caller."""
        algorithm, _, rest = headers["authorization"].partition(" ")
        fields = dict(part.split("=", 1) for part in rest.split(", "))
        secret_id, date, service, end = fields["Credential"].split("/")
        temporary = {one[0]: one[1:] for one in self.issued}
        if secret_id not in {**self.callers, **temporary}:
            return "AuthFailure.SecretIdNotFound"
        key, token = temporary.get(secret_id) or (self.callers[secret_id], None)
        if headers.get("x-tc-token") != token:
            return "AuthFailure.TokenFailure"
        names = fields["SignedHeaders"].split(";")
        signed = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = "\n".join([method, "/", "", signed, ";".join(names), hashlib.sha256(body).hexdigest()])
        scope = f"{date}/{service}/{end}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{algorithm}\n{headers['x-tc-timestamp']}\n{scope}\n{digest}"
        secret = f"TC3{key}".encode()
        for part in (date, service, end):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        expected = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        return None if expected == fields["Signature"] else "AuthFailure.SignatureFailure"


def refusal(code: str, message: str = "Told by the played STS.") -> Answer:
    """STS says no, with its usual 200."""
    return Answer(body={"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "r-refused"}})


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.cloud.take(self.command, self.path, headers, body)
        if answer.delay and self.server.closing.wait(answer.delay):
            return
        content = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, separators=(",", ":"))
        self.send_response_only(answer.status)
        raw = content.encode(errors="surrogateescape")
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET: Callable[[_Handler], None] = _do  # noqa: N815  the names that http.server looks for
    do_POST = do_GET  # noqa: N815  the same

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = cloud
        self.closing = threading.Event()

    def shutdown(self) -> None:
        self.closing.set()
        super().shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are part of the tests."""
