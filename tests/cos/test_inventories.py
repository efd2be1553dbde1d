# SPDX-License-Identifier: Apache-2.0
"""Periodic inventories: PUT, GET, LIST, DELETE."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration, Schedule
from airflow_provider_cosinv.inventory.configuration_xml import put_body, read_configuration
from tests.cos.conftest import BUCKET
from tests.cos.scripted_server import Reply, error_reply


@pytest.fixture
def rule(configuration):
    return replace(configuration, inventory_id="daily", schedule=Schedule(frequency="Daily"))


def page_of(*rules: InventoryConfiguration, token=None, next_token=None):
    parts = [put_body(rule).split(b"?>", 1)[1] for rule in rules]
    more = f"<NextContinuationToken>{next_token}</NextContinuationToken>" if next_token else ""
    echo = f"<ContinuationToken>{token}</ContinuationToken>" if token else ""
    return Reply(
        body=b'<?xml version="1.0" encoding="UTF-8"?><ListInventoryConfigurationResult xmlns="http://...">'
        + b"".join(parts)
        + f"<IsTruncated>{'true' if next_token else 'false'}</IsTruncated>{echo}{more}".encode()
        + b"</ListInventoryConfigurationResult>"
    )


def test_a_rule_is_put_with_its_schedule(client, server, rule):
    client.put_bucket_inventory(BUCKET, rule)
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("PUT", "/?inventory=&id=daily")
    assert read_configuration(seen.body) == rule
    assert seen.headers["content-md5"]


def test_a_rule_without_a_schedule_is_refused_before_any_request(client, server, configuration):
    with pytest.raises(COSInventoryConfigurationError):
        client.put_bucket_inventory(BUCKET, configuration)
    assert not server.seen


def test_a_rule_comes_back_as_it_was_put(client, server, rule):
    server.answer(Reply(body=put_body(rule)))
    assert client.get_bucket_inventory(BUCKET, "daily") == rule
    assert server.seen[0].target == "/?inventory=&id=daily"


def test_rule_with_a_date_in_place_of_unix_seconds_is_refused(client, server, rule):
    period = b"<Filter><Period><StartTime>20260101</StartTime></Period></Filter><Schedule>"
    server.answer(Reply(body=put_body(rule).replace(b"<Schedule>", period)))
    with pytest.raises(COSInventoryRequestError, match="'20260101' is not a time"):
        client.get_bucket_inventory(BUCKET, "daily")


def test_a_missing_rule_is_not_found(client, server):
    server.answer(error_reply(404, "InventoryConfigurationNotFoundError"))
    with pytest.raises(COSInventoryNotFoundError) as caught:
        client.get_bucket_inventory(BUCKET, "daily")
    assert caught.value.code == "InventoryConfigurationNotFoundError"
    assert "inventory id" in caught.value.hint


@pytest.mark.parametrize("call", ["get_bucket_inventory", "delete_bucket_inventory"])
def test_an_id_that_cos_cannot_take_is_refused_before_any_request(client, server, call):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        getattr(client, call)(BUCKET, "a&b")
    assert caught.value.parameter == "inventory_id"
    assert not server.seen


@pytest.mark.parametrize(
    "body", [b"", b"<html/>", b"<a", b"<InventoryConfiguration><Id>x</Id></InventoryConfiguration>"]
)
def test_an_unreadable_rule_is_an_error_of_the_answer_and_not_of_the_caller(client, server, body):
    server.answer(Reply(body=body))
    with pytest.raises(COSInventoryRequestError) as caught:
        client.get_bucket_inventory(BUCKET, "daily")
    assert caught.value.request_id
    assert not isinstance(caught.value, ValueError)


def test_an_error_document_with_status_200_is_that_error(client, server):
    server.answer(replace(error_reply(403, "ExpiredToken"), status=200))
    with pytest.raises(COSInventoryPermissionError):
        client.get_bucket_inventory(BUCKET, "daily")


def test_all_pages_of_rules_come_in_their_order(client, server, rule):
    rules = [replace(rule, inventory_id=f"ID-{n}") for n in range(5)]
    server.answer(
        page_of(*rules[:2], next_token="t%20+1"),
        page_of(*rules[2:4], token="t%20+1", next_token="t2"),
        page_of(rules[4], token="t2"),
    )
    assert list(client.list_bucket_inventory(BUCKET)) == rules
    assert [seen.target for seen in server.seen] == [
        "/?inventory=",
        "/?inventory=&continuation-token=t%2520%2B1",
        "/?inventory=&continuation-token=t2",
    ]


@pytest.mark.parametrize("reply", [page_of(), error_reply(404, "InventoryConfigurationNotFoundError")])
def test_no_rules_are_an_empty_list_however_cos_says_it(client, server, reply):
    server.answer(reply)
    assert list(client.list_bucket_inventory(BUCKET)) == []


def test_a_missing_bucket_is_not_an_empty_list(client, server):
    server.answer(error_reply(404, "NoSuchBucket"))
    with pytest.raises(COSInventoryNotFoundError):
        list(client.list_bucket_inventory(BUCKET))


def test_a_listing_that_gives_the_same_page_again_ends_in_an_error(client, server, rule):
    server.answer(page_of(rule, next_token="t"))
    with pytest.raises(COSInventoryRequestError, match="the next page is the one before"):
        list(client.list_bucket_inventory(BUCKET))
    assert len(server.seen) == 2


def test_a_truncated_page_that_names_no_next_one_is_an_error_and_not_the_end(client, server, rule):
    server.answer(Reply(body=page_of(rule, next_token="t").body.replace(b"NextContinuationToken", b"Other")))
    with pytest.raises(COSInventoryRequestError, match="does not say where it goes on"):
        list(client.list_bucket_inventory(BUCKET))


def test_a_page_that_is_cut_is_asked_for_again_and_never_taken_for_the_whole(client, server, rule):
    whole = page_of(rule)
    server.answer(replace(whole, cut_after=200), whole)
    assert list(client.list_bucket_inventory(BUCKET)) == [rule]
    server.answer(replace(whole, cut_after=200))
    with pytest.raises(COSInventoryTransientError, match="in the middle of the answer"):
        list(client.list_bucket_inventory(BUCKET))


def test_a_page_without_end_is_refused_in_bounded_memory(client, server):
    server.answer(Reply(body=b"<a>" * 1024 * 400, repeat=100))
    with pytest.raises(COSInventoryRequestError, match="of reasonable length"):
        list(client.list_bucket_inventory(BUCKET))


@pytest.mark.parametrize("reply", [Reply(status=204), Reply(status=200)])
def test_a_rule_is_deleted(client, server, reply):
    server.answer(reply)
    client.delete_bucket_inventory(BUCKET, "daily")
    assert (server.seen[0].method, server.seen[0].target) == ("DELETE", "/?inventory=&id=daily")


def test_deleting_what_does_not_exist_is_no_error_but_a_missing_bucket_is(client, server):
    server.answer(error_reply(404, "InventoryConfigurationNotFoundError"), error_reply(404, "NoSuchBucket"))
    client.delete_bucket_inventory(BUCKET, "daily")
    with pytest.raises(COSInventoryNotFoundError):
        client.delete_bucket_inventory(BUCKET, "daily")


def test_a_rule_nested_beyond_reason_is_an_error_and_no_crash(client, server):
    server.answer(Reply(body=b"<a>" * 140_000 + b"</a>" * 140_000))
    with pytest.raises(COSInventoryRequestError, match="is no InventoryConfiguration document"):
        client.get_bucket_inventory(BUCKET, "daily")
