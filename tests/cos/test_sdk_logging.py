# SPDX-License-Identifier: Apache-2.0
"""No secret and no unbounded text comes out of any logger, whoever turned it up."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from dataclasses import replace

import pytest
from qcloud_cos import CosConfig, CosS3Client

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.exceptions import SHOWN_LIMIT, COSInventoryError
from tests.cos.conftest import BUCKET, SECRET_ID, SECRET_KEY, TOKEN
from tests.cos.scripted_server import RESET, Reply, error_reply


@pytest.fixture
def everything(caplog):
    """The text of all that any logger says, every one of them at DEBUG."""
    caplog.handler.setLevel(logging.NOTSET)
    touched = {}
    for name in [None, *logging.Logger.manager.loggerDict]:
        logger = logging.getLogger(name)
        touched[logger] = logger.level
        logger.setLevel(logging.DEBUG)
    yield lambda: "\n".join(f"{record.name} {logging.Formatter().format(record)}" for record in caplog.records)
    for logger, level in touched.items():
        logger.setLevel(level)


def sign_keys(authorizations):
    """The signing keys behind some Authorization headers."""
    times = [re.search("q-key-time=([0-9;]+)", text)[1] for text in authorizations]
    return [hmac.new(SECRET_KEY.encode(), time.encode(), hashlib.sha1).hexdigest() for time in times]


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"abc"), error_reply(403, "AccessDenied"), error_reply(500, "InternalError"), RESET, Reply(delay=0.4)],
    ids=["success", "refusal", "fault", "reset", "time-out"],
)
def test_no_secret_is_logged_and_no_error_shows_one(half, server, impatient, everything, reply):
    server.answer(reply)
    temporary = replace(impatient, credentials=Credentials(SECRET_ID, SECRET_KEY, TOKEN))
    shown = ""
    try:
        half.call(temporary, "get_object", BUCKET, "k", max_bytes=10)
    except COSInventoryError as error:
        shown = f"{error} {error!r} {error.as_dict()}"
    said = everything() + shown
    headers = [seen.headers["authorization"] for seen in server.seen]
    signatures = [re.search("q-signature=([0-9a-f]+)", text)[1] for text in headers]
    assert signatures
    for secret in (SECRET_KEY, TOKEN, "q-signature", *signatures, *sign_keys(headers)):
        assert secret not in said
    assert "qcloud_cos" not in said


def test_the_sdk_says_nothing_secret_for_another_user_of_it_either(server, everything):
    config = CosConfig(
        Region="ap-guangzhou", SecretId=SECRET_ID, SecretKey=SECRET_KEY, Token=TOKEN, Scheme="http",
        IP="127.0.0.1", Port=server.port,
    )  # fmt: skip
    CosS3Client(config).head_object(Bucket=BUCKET, Key="k")
    said = everything()
    for secret in (SECRET_KEY, TOKEN, "q-signature", *sign_keys([server.seen[0].headers["authorization"]])):
        assert secret not in said
    # What it says at INFO remains its own.
    assert "qcloud_cos" in said


def test_odd_answer_to_a_long_key_is_logged_in_bounded_lines(client, server, everything, caplog):
    # No header has an escape sequence in its name: urllib3 warns, with the rest of the head and a traceback.
    server.answer(Reply(body=b"abc", headers={f"\x1b[31m{'x' * 1500}": "a"}, announce=False))
    client.get_object(BUCKET, "\u0167" * 280, max_bytes=10)
    said = [record for record in caplog.records if record.name.startswith("urllib3")]
    assert {record.levelname for record in said} >= {"DEBUG", "WARNING"}
    for record in said:
        text = logging.Formatter().format(record)
        assert text.isprintable()
        assert len(text) <= SHOWN_LIMIT
