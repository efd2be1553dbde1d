# SPDX-License-Identifier: Apache-2.0
"""The way to STS, and when what it issued is used and renewed."""

from __future__ import annotations

import copy
import pickle
import ssl
from dataclasses import replace

import pytest

from airflow_provider_cosinv.cos.cam import issue
from airflow_provider_cosinv.cos.credential_source import CredentialSource, Issued
from airflow_provider_cosinv.cos.settings import Credentials
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from tests.cos.test_network import certificate  # noqa: F401  a fixture
from tests.support.cloud import CALLER, EXTERNAL_ID, ROLE_ARN, Cloud

# The library's, on Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

ROLE = CredentialSource(
    kind="assume_role", role_arn=ROLE_ARN, external_id=EXTERNAL_ID, caller=Credentials(*CALLER), timeout=5
)


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
