# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from airflow_provider_cosinv.assets.cos import create_asset, sanitize_uri


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cos://b-125/key", "cos://b-125/key"),
        ("cos://B-125/Key/", "cos://b-125/Key"),
        ("cos://b-125/", "cos://b-125"),
        ("cos://b-125", "cos://b-125"),
    ],
)
def test_one_place_has_one_spelling(written, meant):
    assert sanitize_uri(urlsplit(written)).geturl() == meant


@pytest.mark.parametrize("written", ["cos:///key", "cos://bucket/key"])
def test_a_bucket_without_its_appid_is_refused(written):
    with pytest.raises(ValueError, match="full bucket name"):
        sanitize_uri(urlsplit(written))


def test_an_asset_is_made_of_bucket_and_key():
    assert create_asset(bucket="b-125", key="inv/daily").uri == "cos://b-125/inv/daily"
    assert create_asset(bucket="b-125", extra={"a": 1}).extra == {"a": 1}
