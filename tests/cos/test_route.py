# SPDX-License-Identifier: Apache-2.0
"""Each row of the table in ``docs/connect.md``, "Proxies and certificates", through both halves and real proxies."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import traceback
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_cosinv.cos.network.proxies import is_excepted, proxy_for, read_proxy
from airflow_provider_cosinv.cos.network.route import roots_for
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from tests.cos.conftest import BUCKET
from tests.cos.proxy_server import ProxyServer
from tests.cos.scripted_server import Reply, ScriptedServer

PAGE = (Path(__file__).parents[2] / "docs" / "connect.md").read_text()
HEADING = "| set | a request to | goes |\n|---|---|---|\n"
NAMES = ("gateway.example.com", "proxy.example.com")
OF_CERTIFI = "the authorities of the package certifi"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table."""

    given: dict[str, str]
    url: str
    goes: str


def table():
    for line in PAGE.split(HEADING)[1].split("\n\n")[0].splitlines():
        given, url, goes = (cell.strip() for cell in line.strip("|").split(" | "))
        yield Row(
            given=dict(code.split("=", 1) for code in re.findall(r"`([^`]*)`", given)), url=url.strip("`"), goes=goes
        )


ROWS = list(table())
WAYS = [row for row in ROWS if not row.goes.startswith("with ")]
ROOTS = [row for row in ROWS if row.goes.startswith("with ")]


def each(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: " ".join(f"{k}={v}" for k, v in row.given.items()))


def make_certificate(folder, name):
    """Write a certificate of the names and its key, and a folder that vouches for it as OpenSSL looks it up."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    names = [*(x509.DNSName(known) for known in NAMES), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / name).mkdir()
    # The SHA-1 of the subject, as OpenSSL writes it for this.
    der = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(name)]) + name.encode()
    for tag in (b"\x30", b"\x31"):
        der = tag + bytes([len(der)]) + der
    digest = hashlib.sha1(der, usedforsecurity=False).digest()
    (folder / name / f"{int.from_bytes(digest[:4], 'little'):08x}.0").write_bytes(pem)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """A folder with the servers' certificate, and another that nobody uses."""
    folder = tmp_path_factory.mktemp("authorities")
    for name in ("right", "wrong"):
        make_certificate(folder, name)
    return folder


@pytest.fixture(scope="module")
def servers(authorities):
    """COS, plain and over TLS, and proxies, plain and over TLS, by the ports of the table."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authorities / "right.pem", authorities / "right.key")
    reply = Reply(body=b"abc")
    made = {
        "9000": ScriptedServer(first=reply),
        "9443": ScriptedServer(context, first=reply),
        "3128": ProxyServer(),
        "3129": ProxyServer(context),
    }
    yield made
    for server in made.values():
        server.stop()


@pytest.fixture
def way(half, servers, settings, monkeypatch):
    """Send one request as a row has it; what COS and the proxies saw."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: real("127.0.0.1" if host in NAMES else host, *more, **named)
    )

    def here(text):
        for port, server in servers.items():
            text = text.replace(f":{port}", f":{server.port}")
        return text.replace("10.1.2.3", "127.0.0.1").replace("10.0.0.0/8", "127.0.0.0/8")

    def send(row, paths):
        for server in servers.values():
            (server.seen if isinstance(server, ScriptedServer) else server.asked).clear()
        given = {name: paths.get(value, here(value)) for name, value in row.given.items()}
        there = {name: given.pop(name) for name in ("proxies", "verify_ssl") if name in given}
        if "proxies" in there:
            there["proxies"] = json.loads(there["proxies"])
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        asked = replace(settings, endpoint_url=here(row.url), **there)
        try:
            assert half.call(asked, "get_object", BUCKET, "k", max_bytes=9).body == b"abc"
        finally:
            seen = [*servers["9000"].seen, *servers["9443"].seen], [*servers["3128"].asked, *servers["3129"].asked]
            send.seen = seen
        return seen

    return send


@each(WAYS)
def test_each_row_of_proxies_holds_for_both_halves(row, way, authorities, monkeypatch):
    monkeypatch.setattr(certifi, "where", lambda: str(authorities / "right.pem"))
    if row.goes.startswith("nowhere"):
        with pytest.raises(COSInventoryConfigurationError) as raised:
            way(row, {})
        assert raised.value.parameter == re.search("`(.*)`", row.goes)[1]
        assert way.seen == ([], [])
        assert "word" not in "".join(traceback.format_exception(raised.value)).replace("password", "")
        return
    at_cos, at_proxy = way(row, {})
    assert len(at_cos) == 1
    assert "proxy-authorization" not in at_cos[0].headers
    assert len(at_proxy) == row.goes.startswith("by the proxy")
    for asked in at_proxy:
        assert asked.method == ("CONNECT" if row.url.startswith("https") else "GET")
        known = re.search("as `(.*)`", row.goes)
        expected = f"Basic {base64.b64encode(known[1].encode()).decode()}" if known else None
        assert asked.headers.get("proxy-authorization") == expected


@each(ROOTS)
@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_each_row_of_certificates_holds_for_both_halves(row, way, authorities, monkeypatch, is_right):
    """Only what the row says vouches for the server, then all but that."""
    counts = (re.search("`(.*)`", row.goes) or [None, OF_CERTIFI])[1]
    paths = {}
    for path in {*row.given.values(), OF_CERTIFI}:
        if path == OF_CERTIFI or path.startswith("/etc/"):
            vouches = "right" if (path == counts) == is_right else "wrong"
            paths[path] = str(authorities / (vouches if path.endswith("folder") else f"{vouches}.pem"))
    monkeypatch.setattr(certifi, "where", lambda: paths[OF_CERTIFI])
    if is_right:
        at_cos, _ = way(row, paths)
        assert len(at_cos) == 1
    else:
        with pytest.raises(COSInventoryTransientError, match="certificate was not accepted"):
            way(row, paths)
        assert way.seen[0] == []


def test_the_table_has_its_rows():
    assert len(WAYS) > 30
    assert len(ROOTS) > 5
    assert {row.goes.split(":")[0].split(",")[0] for row in WAYS} == {"straight there", "by the proxy", "nowhere"}


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "excepted"),
    [
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:81", "::1", 80, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
        ("10.0.0.7/8", "10.9.9.9", 443, True),
        ("0.0.1", "10.0.0.1", 443, False),
        ("example.com.", "a.example.com", 443, True),
        ("a.example.com", "example.com", 443, False),
        ("example.com", "a.example.com.", 443, True),
        ("", "example.com", 443, False),
        (" , ,", "example.com", 443, False),
        (".", "example.com", 443, False),
        (":443", "example.com", 443, False),
        ("example.com:999999999", "example.com", 443, False),
        ("[", "example.com", 443, False),
    ],
)
def test_odd_exceptions_are_understood_or_passed_over(no_proxy, host, port, excepted):
    assert is_excepted(host, port, environment={"NO_PROXY": no_proxy}) is excepted


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://user:word@",
        "http://user:word@:3128",
        "http://user:word@proxy:0",
        "http://user:word@proxy:65536",
        "http://user:word@proxy:3128/path",
        "http://user:word@proxy:3128?query",
        "http://user:word@proxy..example.com:3128",
        "http://user:word@[::1",
        "http://user:word@[::g]:3128",
        "http://user:word\n@proxy:3128",
        "http://user:wo\\rd@proxy:3128",
        "http://user:word\ud800@proxy:3128",
        "http://user:word@pröxy:3128",
        "ftp://user:word@proxy:3128",
        "user:a://word@proxy:3128",
        "//user:word@proxy:3128",
    ],
)
def test_a_value_that_is_no_proxy_is_refused_without_it(value):
    with pytest.raises(COSInventoryConfigurationError) as raised:
        read_proxy(value, named="HTTP_PROXY of the environment", parameter="HTTP_PROXY")
    error = raised.value
    assert (error.parameter, error.__cause__, error.__context__) == ("HTTP_PROXY", None, None)
    assert "word" not in f"{error!r} {error}".replace("password", "")


@pytest.mark.parametrize(
    ("value", "url", "login"),
    [
        ("http://proxy", "http://proxy", None),
        ("HTTP://Proxy:3128/", "http://proxy:3128", None),
        (" proxy:3128\n", "http://proxy:3128", None),
        ("https://[::1]:3128", "https://[::1]:3128", None),
        ("http://_proxy_1:3128", "http://_proxy_1:3128", None),
        ("user@proxy", "http://proxy", b"user:"),
        ("http://us%3Aer:%C3%A4%25@proxy", "http://proxy", b"us:er:\xc3\xa4%"),
        ("http://user:\udcff@proxy", "http://proxy", b"user:\xff"),
    ],
)
def test_a_proxy_has_its_password_apart_from_its_address(value, url, login):
    proxy = read_proxy(value, named="It", parameter="proxies")
    assert proxy.url == url
    assert proxy.authorization == (login and f"Basic {base64.b64encode(login).decode()}")
    assert login is None or proxy.authorization not in repr(proxy)


def test_the_port_of_the_scheme_counts_where_the_url_has_none():
    environment = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.com:443"}
    assert proxy_for("https://a.example.com/k", proxies=None, environment=environment) is None


def test_certificates_that_are_not_checked_have_no_authorities():
    assert roots_for(verify_ssl=False, environment={"REQUESTS_CA_BUNDLE": "/etc/ca.pem"}) == ()
