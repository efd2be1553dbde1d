# SPDX-License-Identifier: Apache-2.0
"""The way to STS, and when what it issued is used and renewed."""

from __future__ import annotations

import base64
import copy
import pickle
import ssl
import traceback
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.credentials import cam
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import CredentialSource, Issued
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from tests.cos.scripted_server import Reply, ScriptedServer
from tests.cos.test_network_errors import certificate  # noqa: F401  a fixture
from tests.support.cloud import CALLER, EXTERNAL_ID, ROLE_ARN, Answer, Cloud
from tests.support.cloud import ROLE as PLAYED_ROLE

# The library's, on Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ROLE = CredentialSource(
    kind="assume_role", role_arn=ROLE_ARN, external_id=EXTERNAL_ID, caller=Credentials(*CALLER), timeout=5
)


def issue(source):
    caller = source.caller if isinstance(source.caller, Credentials) else None
    return cam.issue(source, caller=caller)


@pytest.fixture
def tls_cloud(cos, certificate, monkeypatch):  # noqa: F811  the fixture above
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    with Cloud(cos=cos, tls=context) as services:
        yield services


def test_sts_is_asked_through_the_connections_proxy(cloud):
    there = replace(ROLE, sts_endpoint_url="http://sts.example.invalid", proxy=cloud.url)
    assert issue(there).credentials.token == cloud.issued[0][2]
    assert cloud.seen[0]["headers"]["host"] == "sts.example.invalid"


def test_sts_is_asked_over_tls_with_the_connections_authorities(tls_cloud, certificate):  # noqa: F811  the fixture above
    there = replace(ROLE, sts_endpoint_url=tls_cloud.url, verify_ssl=str(certificate[1]))
    assert issue(there).credentials.secret_id == tls_cloud.issued[0][0]


@pytest.mark.parametrize("kind", ["assume_role", "tke_oidc"])
def test_an_sts_that_nobody_vouches_for_gets_no_request(cloud, tls_cloud, kind):
    there = replace(ROLE, kind=kind, sts_endpoint_url=tls_cloud.url)
    with pytest.raises(COSInventoryTransientError, match=f"{kind}.*certificate was not accepted"):
        issue(there)
    assert not tls_cloud.seen


def test_authorities_that_are_not_there_are_named(tls_cloud):
    there = replace(ROLE, sts_endpoint_url=tls_cloud.url, verify_ssl="/no/such/ca.pem")
    with pytest.raises(COSInventoryConfigurationError, match=r"/no/such/ca\.pem") as raised:
        issue(there)
    assert raised.value.parameter == "verify_ssl"


SOURCES = {"assume_role": ROLE, "tke_oidc": CredentialSource(kind="tke_oidc", timeout=5)}
EVERY_SOURCE = {**SOURCES, "cvm_role": CredentialSource(kind="cvm_role", timeout=5)}


def at(cloud, source):
    """The source, with the played services as its STS; the metadata service is the proxy of the environment."""
    return source if source.kind == "cvm_role" else replace(source, sts_endpoint_url=cloud.url)


@pytest.fixture
def elsewhere():
    scripted = ScriptedServer(first=Reply(body=b"made-up-role"))
    yield scripted
    scripted.stop()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", EVERY_SOURCE)
def test_redirect_of_a_source_is_not_followed(cloud, elsewhere, kind, status):
    cloud.answers = [Answer(status, headers={"Location": f"{elsewhere.url}/latest"})]
    with pytest.raises(COSInventoryRequestError, match=f"{kind}.*redirects to another address") as raised:
        issue(at(cloud, EVERY_SOURCE[kind]))
    assert raised.value.status == status
    assert elsewhere.seen == []
    assert len(cloud.seen) == 1


@pytest.mark.parametrize("kind", EVERY_SOURCE)
def test_netrc_file_does_not_touch_requests_to_a_source(cloud, monkeypatch, tmp_path, kind):
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    issue(at(cloud, EVERY_SOURCE[kind]))
    for seen in cloud.seen:
        assert not seen["headers"].get("authorization", "").startswith("Basic")


@pytest.mark.parametrize("kind", EVERY_SOURCE)
def test_proxy_of_the_environment_is_understood_as_for_cos(cloud, monkeypatch, kind):
    """A scheme is not needed, the password is sent as UTF-8, and a range of NO_PROXY excepts an address."""
    address = cloud.url.removeprefix("http://")
    monkeypatch.setenv("http_proxy", f"user:%E5%AF%86@{address}")
    monkeypatch.delenv("no_proxy")
    there = at(cloud, EVERY_SOURCE[kind])
    issue(there)
    expected = "Basic " + base64.b64encode("user:密".encode()).decode()
    assert {seen["headers"].get("proxy-authorization") for seen in cloud.seen} == {expected}
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    if kind != "cvm_role":
        cloud.seen.clear()
        issue(there)
        assert {seen["headers"].get("proxy-authorization") for seen in cloud.seen} == {None}


@pytest.mark.parametrize("kind", EVERY_SOURCE)
@pytest.mark.parametrize("value", ["http://user:my/secret@127.0.0.1:9", "socks5://user:my-secret@127.0.0.1:9"])
def test_odd_proxy_of_the_environment_is_refused_for_a_source_too(cloud, monkeypatch, kind, value):
    monkeypatch.setenv("http_proxy", value)
    monkeypatch.delenv("no_proxy")
    with pytest.raises(COSInventoryConfigurationError, match="http_proxy of the environment") as raised:
        issue(at(cloud, EVERY_SOURCE[kind]))
    assert "secret@" not in "".join(traceback.format_exception(raised.value))
    assert cloud.seen == []


@pytest.mark.parametrize("kind", ["assume_role", "tke_oidc"])
def test_sts_is_trusted_by_the_authorities_of_the_environment(
    cloud,
    tls_cloud,
    certificate,  # noqa: F811  the fixture above
    monkeypatch,
    kind,
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    assert issue(at(tls_cloud, SOURCES[kind])).credentials.secret_id == tls_cloud.issued[0][0]


@pytest.mark.parametrize("kind", EVERY_SOURCE)
@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, "{" + " " * 2 * 1024**2, "\udcff", '{"Response": {"Credentials": {}, "ExpiredTime": null}}'],
    ids=["deep", "long", "no text", "no time"],
)
def test_odd_answer_of_a_source_is_one_that_cannot_be_read(cloud, kind, body):
    cloud.answers = [Answer(body=body)]
    with pytest.raises(COSInventoryRequestError, match=f"{kind}.*cannot be read"):
        issue(at(cloud, EVERY_SOURCE[kind]))


@pytest.mark.parametrize("ends", [None, "soon", float("nan"), float("inf"), 10**400], ids=repr)
def test_credentials_without_a_sound_end_are_not_taken(cloud, ends):
    found = {"TmpSecretId": "AKIDx", "TmpSecretKey": "x", "Token": "x"}
    cloud.answers = [Answer(body=PLAYED_ROLE), Answer(body={"Code": "Success", **found, "ExpiredTime": ends})]
    with pytest.raises(COSInventoryRequestError, match="cannot be read"):
        issue(EVERY_SOURCE["cvm_role"])


@pytest.mark.parametrize(
    ("age", "is_fresh", "is_usable"),
    [(0, True, True), (6899, True, True), (6901, False, True), (7169, False, True), (7171, False, False)],
)
def test_two_hours_are_renewed_in_their_last_five_minutes_and_not_used_in_the_last_half(age, is_fresh, is_usable):
    issued = Issued(credentials=Credentials(*CALLER), issued_at=1000.0, expires_at=8200.0)
    assert (issued.is_fresh(1000.0 + age), issued.is_usable(1000.0 + age)) == (is_fresh, is_usable)


def test_a_short_time_is_used_to_its_last_twentieth():
    issued = Issued(credentials=Credentials(*CALLER), issued_at=0.0, expires_at=100.0)
    assert [issued.is_fresh(now) for now in (79, 81)] == [True, False]
    assert [issued.is_usable(now) for now in (94, 96)] == [True, False]


def test_a_lasting_key_is_never_renewed():
    issued = Issued(credentials=Credentials(*CALLER), issued_at=0.0)
    assert issued.is_fresh(1e12)
    assert issued.is_usable(1e12)


def test_a_source_shows_no_secret_and_survives_a_pickle():
    source = replace(ROLE, proxy="http://user:password-of-it@proxy:3128")
    for secret in (CALLER[1], EXTERNAL_ID, "password-of-it"):
        assert secret not in f"{source} {source!r}"
    assert pickle.loads(pickle.dumps(source)) == copy.deepcopy(source) == source
