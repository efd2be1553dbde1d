# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from airflow.sdk import Asset

from airflow_provider_cosinv.assets.cos import convert_asset_to_openlineage, create_asset, sanitize_uri


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cos://b-125/key", "cos://b-125/key"),
        ("cos://B-125/Key/", "cos://b-125/Key"),
        ("cos://b-125/", "cos://b-125"),
        ("cos://b-125", "cos://b-125"),
        ("cos://b-125/%41 b", "cos://b-125/A%20b"),
        ("cos://cos_default@b-125/key", "cos://b-125/key"),
        ("cos://cos_default@/b-125/a@b", "cos://b-125/a@b"),
        ("cos://cos_default@/b-125", "cos://b-125"),
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


def test_a_key_that_is_no_uri_is_encoded_and_read_back():
    key = "图 片/50%/a#b?c"
    asset = create_asset(bucket="b-125", key=key)
    assert asset.uri.isascii()
    assert "#" not in asset.uri
    assert convert_asset_to_openlineage(asset, None).name == key


def test_a_dataset_is_named_as_those_of_other_object_stores_are():
    for asset, name in ((create_asset(bucket="b-125", key="inv/daily"), "inv/daily"), (Asset("cos://b-125"), "/")):
        dataset = convert_asset_to_openlineage(asset, None)
        assert (dataset.namespace, dataset.name) == ("cos://b-125", name)


def test_airflow_itself_uses_it_for_every_asset_of_the_scheme():
    assert Asset("cos://B-125/inv/%64aily/").uri == "cos://b-125/inv/daily"
