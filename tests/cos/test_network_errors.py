# SPDX-License-Identifier: Apache-2.0
"""Faults on the way, in words, for both halves."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.conftest import BUCKET, HOST
from tests.cos.scripted_server import RESET, Reply, ScriptedServer


def fault(half, settings):
    with pytest.raises(COSInventoryTransientError) as caught:
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10)
    error = caught.value
    assert type(error) is COSInventoryTransientError
    assert (error.bucket, error.key) == (BUCKET, "k")
    assert error.hint
    return error


@pytest.fixture
def nobody():
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def test_a_refused_connection(half, settings, nobody):
    error = fault(half, replace(settings, endpoint_url=f"http://127.0.0.1:{nobody}"))
    assert f"127.0.0.1:{nobody}: connection refused (" in error.message
    assert "endpoint_url" in error.hint


def test_a_name_that_does_not_resolve(half, settings):
    error = fault(half, replace(settings, endpoint_url="http://cos.invalid"))
    assert "from cos.invalid: the host name cannot be resolved (" in error.message
    assert "region" in error.hint


def test_the_host_of_the_bucket_is_named_where_there_is_no_endpoint(half, settings):
    error = fault(half, replace(settings, endpoint_url=None, domain_suffix="cos.invalid"))
    assert f"{HOST.removesuffix('myqcloud.com')}cos.invalid: the host name cannot be resolved" in error.message


def test_a_reset(half, server, settings):
    server.answer(RESET)
    assert "GET Object got no answer from 127.0.0.1" in fault(half, settings).message
    assert len(server.seen) >= 3


def test_a_time_out(half, server, impatient):
    server.answer(Reply(delay=0.4))
    error = fault(half, impatient)
    assert "nothing came within 0.15 seconds" in error.message
    assert "timeout" in error.hint


def test_a_proxy_that_is_not_there_is_named_without_its_password(half, settings, nobody):
    proxied = replace(settings, proxies={"http": f"http://user:pass-word@127.0.0.1:{nobody}"})
    error = fault(half, proxied)
    assert "the proxy failed" in error.message
    assert "pass-word" not in f"{error} {error.as_dict()}"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("refuses", [True, False], ids=["a proxy that refuses", "no proxy"])
def test_no_cause_of_an_error_holds_the_password_of_a_proxy(half, server, settings, nobody, scheme, refuses):
    # To CONNECT, the server answers that it does not know it.
    server.answer(RESET)
    port = server.port if refuses else nobody
    there = replace(
        settings, endpoint_url=f"{scheme}://cos.invalid", proxies={scheme: f"http://user:pass-word@127.0.0.1:{port}"}
    )
    error = fault(half, there)
    told = []
    while error is not None:
        # What requests raises holds the request.
        headers = getattr(getattr(error, "request", None), "headers", None)
        told += [repr(error), str(error), repr(vars(error)), repr(headers)]
        error = error.__cause__ or error.__context__
    for secret in ("pass-word", base64.b64encode(b"user:pass-word").decode(), "q-signature"):
        assert secret not in "\n".join(told)


def test_no_cause_of_a_cut_answer_has_several_lines(half, server, settings):
    server.answer(Reply(body=b"x" * 5000, cut_after=3))
    with pytest.raises(COSInventoryTransientError) as caught:
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10_000)
    error = caught.value
    while error is not None:
        assert str(error).isprintable()
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("place", ["http://elsewhere.invalid/", "http://[::1", "\udcff", "/"])
def test_a_redirect_is_not_followed_whatever_it_says(half, server, settings, place):
    server.answer(Reply(status=307, headers={"Location": place.encode("utf-8", "surrogateescape").decode("latin-1")}))
    with pytest.raises(COSInventoryRequestError, match="Redirects are not followed"):
        half.call(settings, "head_bucket", BUCKET)
    assert len(server.seen) == 1


def test_a_redirect_with_an_endless_body_is_not_read_to_its_end(half, server, settings):
    server.answer(Reply(status=302, headers={"Location": "/"}, body=b"x" * 1024**2, repeat=10**6))
    with pytest.raises(COSInventoryRequestError):
        half.call(settings, "get_object", BUCKET, "k", max_bytes=10)


def test_the_proxy_of_the_connection_is_used(half, server, settings):
    proxied = replace(settings, endpoint_url="http://cos.invalid", proxies={"http": server.url})
    server.answer(Reply(body=b"abc"))
    assert half.call(proxied, "get_object", BUCKET, "a b", max_bytes=10).body == b"abc"
    assert server.seen[0].target == "http://cos.invalid/a%20b"
    assert server.seen[0].headers["host"] == HOST


def test_the_proxy_of_the_environment_is_used_unless_the_host_is_excepted(half, server, settings, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    there = replace(settings, endpoint_url="http://cos.invalid")
    half.call(there, "head_bucket", BUCKET)
    assert server.seen[0].target == "http://cos.invalid/"
    monkeypatch.setenv("NO_PROXY", "cos.invalid")
    assert "cannot be resolved" in fault(half, there).message


def test_a_netrc_file_does_not_touch_the_signature(half, server, settings, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    half.call(settings, "head_bucket", BUCKET)
    assert server.seen[0].headers["authorization"].startswith("q-sign-algorithm=sha1&")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that no public authority has signed."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    ca = folder / "ca.pem"
    ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path, ca


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    scripted = ScriptedServer(context)
    scripted.answer(Reply(body=b"abc"))
    yield scripted
    scripted.stop()


def test_a_certificate_that_nobody_vouches_for(half, tls_server, settings):
    error = fault(half, replace(settings, endpoint_url=tls_server.url))
    assert "its certificate was not accepted, self-signed certificate (" in error.message
    assert "verify_ssl" in error.hint
    assert not tls_server.seen


def test_a_certificate_that_the_connection_vouches_for(half, tls_server, settings, certificate):
    there = replace(settings, endpoint_url=tls_server.url, verify_ssl=str(certificate[1]))
    for _ in range(2):
        assert half.call(there, "get_object", BUCKET, "k", max_bytes=10).body == b"abc"
    assert tls_server.seen[0].headers["host"] == HOST


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_that_the_environment_vouches_for(half, tls_server, settings, certificate, monkeypatch, variable):
    monkeypatch.setenv(variable, str(certificate[1]))
    assert half.call(replace(settings, endpoint_url=tls_server.url), "get_object", BUCKET, "k", max_bytes=10).body


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_nobody_looks_at(half, tls_server, settings):
    there = replace(settings, endpoint_url=tls_server.url, verify_ssl=False)
    assert half.call(there, "get_object", BUCKET, "k", max_bytes=10).body == b"abc"


def test_a_path_of_certificates_that_leads_nowhere_is_named(half, tls_server, settings):
    there = replace(settings, endpoint_url=tls_server.url, verify_ssl="/no/such/ca.pem")
    with pytest.raises(COSInventoryConfigurationError, match=r"/no/such/ca\.pem") as caught:
        half.call(there, "get_object", BUCKET, "k", max_bytes=10)
    assert caught.value.parameter == "verify_ssl"


def test_a_path_of_certificates_in_the_environment_that_leads_nowhere_is_named(half, tls_server, settings, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    with pytest.raises(COSInventoryConfigurationError, match=r"/no/such/bundle\.pem"):
        half.call(replace(settings, endpoint_url=tls_server.url), "get_object", BUCKET, "k", max_bytes=10)


def test_an_endpoint_that_does_not_speak_tls(half, server, settings):
    error = fault(half, replace(settings, endpoint_url=server.url.replace("http", "https"), timeout=1))
    assert "TLS failed" in error.message


def test_an_answer_that_is_no_http(half, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            for _ in range(3):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = fault(half, replace(settings, endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert "got no answer" in error.message
