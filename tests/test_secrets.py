# SPDX-License-Identifier: Apache-2.0
"""No secret is printed, at any level, by any library."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import pickle
import re
import traceback
from copy import deepcopy

import pytest

from airflow_provider_cosinv.cos.async_client import AsyncCOSClient
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.protocol.retry import POLLING_POLICY
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryError
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.cos.proxy_server import ProxyServer
from tests.support.cloud import CALLER, EXTERNAL_ID, ROLE_ARN, WEB_TOKEN, Answer, refusal
from tests.support.tasks import make_context, run_task

KEY = "keykeykeykeykeykeykeykeykeykeykey"
PROXY_PASSWORD = "proxyproxyproxy"
PROXY_LOGIN = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()
TOKEN = "tokentokentokentokentokentokentoken"


class Everything(logging.Handler):
    """Keeps every record as a verbose handler would print it."""

    def __init__(self):
        super().__init__(level=0)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name} {logging.Formatter().format(record)} {record.__dict__}")


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, delivery=Delivery(polls=3))


@pytest.fixture
def temporary(cos, monkeypatch):
    """The connection holds temporary credentials, and every logger is at DEBUG."""
    cos.add_credential(secret_id="AKIDtemporary", secret_key=KEY, token=TOKEN, expires_in=3600)
    connection = {**cos.connection, "login": "AKIDtemporary", "password": KEY}
    connection["extra"] = {**connection["extra"], "token": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    return cos


def everything_logged(run):
    # Their loggers exist from here on.
    import qcloud_cos  # noqa: F401
    import tencentcloud.common.common_client  # noqa: F401

    handler = Everything()
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict] + [logging.root]
    before = [(logger, logger.level, logger.disabled, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.addHandler(handler)
    try:
        run()
    finally:
        for logger, level, disabled, propagate in before:
            logger.setLevel(level)
            logger.disabled = disabled
            logger.propagate = propagate
            logger.removeHandler(handler)
    return "\n".join(handler.lines)


def assert_no_secret(text, secrets=(KEY, TOKEN)):
    assert not [secret for secret in secrets if secret in text]
    assert "q-signature" not in text
    for start, end in set(re.findall(r"(\d{10});(\d{10})", text)):
        for secret in secrets:
            assert hmac.new(secret.encode(), f"{start};{end}".encode(), hashlib.sha1).hexdigest() not in text


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_whole_run_prints_none(temporary, capfd, deferrable):
    printed = []

    def run():
        operator = COSInventoryOperator(
            task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
        )
        context = make_context()
        job = operator.execute(context)
        sensor = COSInventorySensor(task_id="wait", job=job, deferrable=deferrable, poke_interval=0.05, timeout=20)
        manifest = run_task(lambda: deepcopy(sensor), make_context()).result
        records = list(COSInventoryHook().iter_records(manifest))
        assert len(records) == 3
        printed.append(repr((job, manifest, records, context["task_state_store"].values)))

    logged = everything_logged(run)
    out, err = capfd.readouterr()
    assert "urllib3" in logged  # the loggers did log
    assert_no_secret(logged + out + err + printed[0])


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 403, "code": "SignatureDoesNotMatch"},
        {"status": 500},
        {"reset": "after", "times": 20},
        {"body": "<html>", "times": 20},
    ],
    ids=["forbidden", "server error", "reset", "html"],
)
def test_a_run_that_fails_prints_none(temporary, capfd, fault):
    errors = []

    def run():
        temporary.fault(**fault)
        hook = COSInventoryHook()
        try:
            hook.get_rule(bucket=SOURCE, inventory_id="x")
        except COSInventoryError as error:
            errors.extend([str(error), repr(error), repr(error.__cause__), repr(error.__context__)])

    logged = everything_logged(run)
    out, err = capfd.readouterr()
    assert_no_secret(logged + out + err + "\n".join(errors))


@pytest.fixture
def proxy():
    server = ProxyServer()
    yield server
    server.stop()


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_run_by_a_proxy_prints_no_password(cos, proxy, monkeypatch, capfd, deferrable):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
    printed = []

    def run():
        operator = COSInventoryOperator(
            task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
        )
        job = operator.execute(make_context())
        sensor = COSInventorySensor(task_id="wait", job=job, deferrable=deferrable, poke_interval=0.05, timeout=20)
        printed.append(repr(run_task(lambda: deepcopy(sensor), make_context()).result))

    logged = everything_logged(run)
    out, err = capfd.readouterr()
    assert {asked.headers["proxy-authorization"] for asked in proxy.asked} == {f"Basic {PROXY_LOGIN}"}
    assert_no_secret(logged + out + err + printed[0], (PROXY_PASSWORD, PROXY_LOGIN))


@pytest.mark.parametrize("half", ["worker", "triggerer"])
@pytest.mark.parametrize(
    "proxy_url",
    [
        "http://user:{}@127.0.0.1:9",
        "http://user:{}/2026@127.0.0.1:9",
        "http://user:{}#2026@127.0.0.1:9",
        "http://user:{}@2026@127.0.0.1:9",
        "http://user:{}密码@127.0.0.1:9",
        "user:{}:2026@127.0.0.1:9",
        "socks5://user:{}@127.0.0.1:9",
        "http://user:{}@[::1",
        "http://user:{}@127.0.0.1:999999",
    ],
)
@pytest.mark.parametrize("place", ["environment", "connection"])
def test_a_proxy_that_fails_or_is_refused_prints_no_password(
    cos, impatient_retries, monkeypatch, capfd, half, proxy_url, place
):
    proxy_url = proxy_url.format(PROXY_PASSWORD)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    if place == "environment":
        monkeypatch.setenv("http_proxy", proxy_url)
    else:
        extra = {**cos.connection["extra"], "proxies": {"http": proxy_url}}
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps({**cos.connection, "extra": extra}))
    printed = []

    def run():
        try:
            settings = COSInventoryHook().settings
            if half == "worker":
                COSInventoryHook().client.head_bucket(SOURCE)
            else:
                asyncio.run(AsyncCOSClient(settings=settings, retry_policy=POLLING_POLICY).head_bucket(SOURCE))
        except COSInventoryError as error:
            printed.append("".join(traceback.format_exception(error)))
            found = error
            while found is not None:
                printed.append(f"{found!r} {vars(found)}")
                found = found.__cause__ or found.__context__

    logged = everything_logged(run)
    out, err = capfd.readouterr()
    assert printed
    assert_no_secret(logged + out + err + "\n".join(printed), (PROXY_PASSWORD, PROXY_LOGIN))


def test_no_object_shows_one_in_its_repr(temporary):
    hook = COSInventoryHook()
    assert_no_secret(repr((hook, hook.settings, hook.client, vars(hook), Credentials("AKIDx", KEY, TOKEN))))


ROLE_OF = {"credential": "assume_role", "role_arn": ROLE_ARN, "external_id": EXTERNAL_ID}
STORED = {"login": CALLER[0], "password": CALLER[1]}
SOURCES = [
    {"credential": "environment"},
    {"credential": "cvm_role"},
    {"credential": "tke_oidc"},
    {**ROLE_OF, **STORED},
    {**ROLE_OF, "credential_source": "cvm_role"},
]


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
class TestSources:
    """Credentials that the connection does not store, with every logger at DEBUG, that of Tencent's library too."""

    @pytest.mark.parametrize("deferrable", [False, True])
    @pytest.mark.parametrize("extra", SOURCES, ids=lambda extra: "-".join(list(extra.values())[:1] + list(extra)[-1:]))
    def test_a_whole_run_prints_none(self, cos, cloud, connect, capfd, extra, deferrable):
        connect(**extra)
        printed = []

        def run():
            operator = COSInventoryOperator(
                task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv"
            )
            job = operator.execute(make_context())
            sensor = COSInventorySensor(task_id="wait", job=job, deferrable=deferrable, poke_interval=0.05, timeout=20)
            manifest = run_task(lambda: deepcopy(sensor), make_context()).result
            hook = COSInventoryHook()
            assert len(list(hook.iter_records(manifest))) == 3
            printed.append(repr((hook, hook.settings, hook.client, vars(hook), manifest, hook.test_connection())))

        logged = everything_logged(run)
        out, err = capfd.readouterr()
        assert "urllib3" in logged  # the loggers did log
        secrets = {CALLER[1], WEB_TOKEN, *(part for one in cloud.issued for part in one[1:])}
        assert len(secrets) > 2 or extra == SOURCES[0]
        assert_no_secret(logged + out + err + printed[0], secrets)

    @pytest.mark.parametrize("extra", SOURCES[1:], ids=lambda extra: extra["credential"])
    @pytest.mark.parametrize(
        "answer",
        [Answer(500, f"{CALLER[1]} {WEB_TOKEN}"), refusal("AuthFailure"), Answer(body={"TmpSecretKey": CALLER[1]})],
        ids=["server error", "refused", "unreadable"],
    )
    def test_a_source_that_fails_prints_none(self, cos, cloud, connect, impatient_retries, capfd, extra, answer):
        connect(**extra)
        cloud.answers = [answer]
        errors = []

        def run():
            try:
                COSInventoryHook().get_rule(bucket=SOURCE, inventory_id="x")
            except COSInventoryError as error:
                errors.extend([str(error), repr(error), repr(error.__cause__), repr(pickle.dumps(error))])
                errors.append(logging.Formatter().formatException((type(error), error, error.__traceback__)))

        logged = everything_logged(run)
        out, err = capfd.readouterr()
        assert len(errors) == 5
        assert_no_secret(logged + out + err + "\n".join(errors), (CALLER[1], WEB_TOKEN))
