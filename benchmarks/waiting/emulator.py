# SPDX-License-Identifier: Apache-2.0
"""The emulator in a process of its own, over TLS with a certificate made for the moment."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.waiting.case import DESTINATION

_PATIENCE = 60.0


@contextmanager
def running_emulator() -> Iterator[dict[str, Any]]:
    """Give ``url`` and ``connection`` of an emulator that counts polls; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key, ready = (Path(folder) / name for name in ("certificate.pem", "key.pem", "ready.json"))
        make_certificate(certificate, key)
        command = [sys.executable, "-m", "airflow_provider_cosinv.emulator", "--port", "0", "--bucket", DESTINATION]
        command += ["--tls", str(certificate), str(key), "--ready-file", str(ready)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("The emulator did not start.")
                time.sleep(0.05)
            found: dict[str, Any] = json.loads(ready.read_text())
            _count_polls(found["url"], certificate)
            yield found
        finally:
            process.terminate()
            process.wait(30)


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for 127.0.0.1 that signs itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _count_polls(url: str, certificate: Path) -> None:
    # A fault that happens to nobody.
    request = urllib.request.Request(
        f"{url}/_emulator/faults",
        data=json.dumps({"bucket": DESTINATION, "times": 0}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=certificate)):
        pass
