# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.emulator.storage.buckets import Bucket
from airflow_provider_cosinv.emulator.storage.listing import list_page
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion
from airflow_provider_cosinv.emulator.storage.synthetic import SyntheticCatalogue
from airflow_provider_cosinv.inventory.xml import parse_xml
from tests.support.examples import examples

KEYS = ["a", "a/1", "a/2", "a/b/3", "b/4", "c", "图/5"]


@pytest.fixture
def filled(cos, bucket):
    for key in KEYS:
        cos.put_object(bucket, key)
    return bucket


def _read(answer):
    root = parse_xml(answer.content)
    keys = [one.text for one in root.findall("Contents/Key")]
    prefixes = [one.text for one in root.findall("CommonPrefixes/Prefix")]
    return root, keys, prefixes


def test_all_keys_come_in_the_order_of_their_bytes(call, filled):
    assert _read(call("GET", filled))[1] == KEYS


def test_a_delimiter_makes_common_prefixes(call, filled):
    _, keys, prefixes = _read(call("GET", filled, params={"delimiter": "/"}))
    assert (keys, prefixes) == (["a", "c"], ["a/", "b/", "图/"])
    _, keys, prefixes = _read(call("GET", filled, params={"delimiter": "/", "prefix": "a/"}))
    assert (keys, prefixes) == (["a/1", "a/2"], ["a/b/"])


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_pages_join_to_the_whole(call, filled, delimiter, version):
    whole = _read(call("GET", filled, params={"delimiter": delimiter}))[1:]
    found, params = [], {"max-keys": "2", "delimiter": delimiter, "encoding-type": "url"}
    if version == "2":
        params["list-type"] = "2"
    while True:
        root, keys, prefixes = _read(call("GET", filled, params=params))
        found += keys + prefixes
        assert len(keys + prefixes) <= 2
        if root.findtext("IsTruncated") == "false":
            break
        if version == "2":
            assert root.findtext("KeyCount") == "2"
            params["continuation-token"] = root.findtext("NextContinuationToken")
        else:
            params["marker"] = unquote(root.findtext("NextMarker"))
    assert sorted(map(unquote, found)) == sorted(whole[0] + whole[1])


def test_start_after_and_marker_leave_out_what_comes_before(call, filled):
    assert _read(call("GET", filled, params={"marker": "b/4"}))[1] == ["c", "图/5"]
    assert _read(call("GET", filled, params={"list-type": "2", "start-after": "b/4"}))[1] == ["c", "图/5"]


def test_no_keys_are_asked_for_and_none_come(call, filled):
    root, keys, _ = _read(call("GET", filled, params={"max-keys": "0"}))
    assert (keys, root.findtext("IsTruncated")) == ([], "false")


@pytest.mark.parametrize(
    "params", [{"max-keys": "x"}, {"encoding-type": "hex"}, {"list-type": "2", "continuation-token": "?"}]
)
def test_wrong_parameters_are_invalid(call, bucket, params):
    assert call("GET", bucket, params=params).status_code == 400


def test_control_characters_are_written_as_references(call, bucket, cos):
    cos.put_object(bucket, "a\x01b\n<&>")
    answer = call("GET", bucket, params={"encoding-type": "url"})
    assert _read(answer)[1] == ["a%01b%0A%3C%26%3E"]
    assert b"a&#x1;b\n&lt;&amp;&gt;" in call("GET", bucket).content


def test_deleted_keys_are_not_listed(cos, call):
    cos.create_bucket("marked-1250000000", versioning=True)
    for key in ("a", "b"):
        cos.put_object("marked-1250000000", key)
    cos.delete_object("marked-1250000000", "a")
    assert _read(call("GET", "marked-1250000000"))[1] == ["b"]


@examples(150)
@given(
    keys=st.sets(st.text("a/b图\U0010ffff", min_size=1, max_size=6), max_size=20),
    prefix=st.text("a/b图", max_size=2),
    delimiter=st.sampled_from(["", "/", "b", "/a"]),
    max_keys=st.integers(1, 5),
)
def test_pages_hold_what_a_plain_reading_of_the_rules_gives(keys, prefix, delimiter, max_keys):
    bucket = Bucket(name="b-1", region="r", owner="1", created=0)
    for key in keys:
        bucket.put(ObjectVersion(key, 0, 0.0, ""))
    expected = set()
    for key in keys:
        if key.startswith(prefix):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            expected.add(key if cut < 0 else key[: cut + len(delimiter)])
    found, marker, truncated = [], "", True
    while truncated:
        page = list_page(bucket, prefix=prefix, delimiter=delimiter, marker=marker, max_keys=max_keys)
        found += [one if isinstance(one, str) else one.key for one in page.items]
        marker, truncated = page.last, page.truncated
    assert found == sorted(expected)


def test_a_synthetic_bucket_lists_changes_and_counts(cos, call):
    cos.create_bucket("synthetic-1250000000", objects=2500)
    catalogue = SyntheticCatalogue(2500)
    every = [catalogue.entry(number) for number in range(2500)]
    assert cos.keys("synthetic-1250000000") == [one.key for one in every]
    assert every == sorted(every, key=lambda one: one.key)
    chosen = next(one for one in every if one.size > 1000)
    got = call("GET", "synthetic-1250000000", chosen.key)
    assert (len(got.content), got.headers["x-cos-hash-crc64ecma"]) == (chosen.size, str(chosen.crc64))
    call("DELETE", "synthetic-1250000000", chosen.key)
    assert call("HEAD", "synthetic-1250000000", chosen.key).status_code == 404
    call("PUT", "synthetic-1250000000", every[0].key, data=b"12345")
    state = next(one for one in cos.state()["buckets"] if one["name"] == "synthetic-1250000000")
    assert state["objects"] == 2499
    assert state["bytes"] == sum(one.size for one in every) - chosen.size - every[0].size + 5
    assert len(cos.keys("synthetic-1250000000")) == 2499


def test_synthetic_etags_are_true(cos, call):
    import hashlib

    cos.create_bucket("honest-1250000000", objects=50)
    every = [call("GET", "honest-1250000000", key) for key in cos.keys("honest-1250000000")]
    # The others are archived.
    readable = [got for got in every if got.status_code == 200]
    assert len(readable) >= 25
    for got in readable:
        assert got.headers["ETag"].strip('"').partition("-")[0] == hashlib.md5(got.content).hexdigest()
