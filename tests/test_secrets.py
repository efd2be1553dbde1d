# SPDX-License-Identifier: Apache-2.0
"""No secret is printed, at any level, by any library."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from copy import deepcopy

import pytest

from airflow_provider_cosinv.cos.settings import Credentials
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryError
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

KEY = "keykeykeykeykeykeykeykeykeykeykey"
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
    import qcloud_cos  # noqa: F401  its loggers exist from here on

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


def assert_no_secret(text):
    assert KEY not in text
    assert TOKEN not in text
    assert "q-signature" not in text
    for start, end in set(re.findall(r"(\d{10});(\d{10})", text)):
        sign_key = hmac.new(KEY.encode(), f"{start};{end}".encode(), hashlib.sha1).hexdigest()
        assert sign_key not in text


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


def test_no_object_shows_one_in_its_repr(temporary):
    hook = COSInventoryHook()
    assert_no_secret(repr((hook, hook.settings, hook.client, vars(hook), Credentials("AKIDx", KEY, TOKEN))))
