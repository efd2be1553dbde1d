# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.inventory.report.checksum import parse_checksum

MD5 = hashlib.md5(b"manifest")
HEX = MD5.hexdigest()
BASE64 = base64.b64encode(MD5.digest()).decode()


@pytest.mark.parametrize(
    "stated", [HEX, HEX.upper(), f"{HEX}\n", f" {HEX}\r\n", f'"{HEX}"', BASE64, f"{BASE64}\n", f'"{BASE64}"\n']
)
def test_every_usual_spelling_of_an_md5_is_read(stated: str) -> None:
    assert parse_checksum(stated) == HEX


@pytest.mark.parametrize(
    "stated",
    ["", " ", HEX[:-1], HEX + "0", "g" * 32, BASE64[:-1], BASE64 + "AA", "清单", "�" * 32, f"{HEX}  manifest.json"],
)
def test_what_states_no_md5_is_none(stated: str) -> None:
    assert parse_checksum(stated) is None


@given(st.text())
def test_any_text_is_an_md5_or_none(text: str) -> None:
    found = parse_checksum(text)

    assert found is None or (len(found) == 32 and int(found, 16) >= 0)
