# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory import InventoryJob
from tests.inventory.strategies import buckets, inventory_ids, regions

CHINA = timezone(timedelta(hours=8))
JOB = InventoryJob(
    job_id="Dgesgeqzd0dd***==",
    inventory_id="disposable",
    bucket="examplebucket-1250000000",
    region="ap-guangzhou",
    destination_bucket="inventorybucket-1250000000",
    report_prefix="cos_bucket_inventory/1250000000/examplebucket/disposable",
    submitted_at=datetime(2022, 11, 20, 12, 0, tzinfo=timezone.utc),
)
moments = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2999, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, CHINA]),
)
jobs = st.builds(
    InventoryJob,
    job_id=st.none() | st.text(max_size=20),
    inventory_id=inventory_ids,
    bucket=buckets,
    region=regions,
    destination_bucket=buckets,
    report_prefix=st.text(min_size=1, max_size=30),
    submitted_at=moments,
    attached=st.booleans(),
    attached_at=st.none() | moments,
)
# What JSON can hold.
rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(jobs)
def test_a_job_survives_json(job: InventoryJob) -> None:
    assert InventoryJob.from_dict(json.loads(json.dumps(job.as_dict()))) == job


def test_a_job_is_written_with_the_keys_of_its_xcoms_and_utc() -> None:
    job = dataclasses.replace(JOB, submitted_at=JOB.submitted_at.astimezone(CHINA))

    assert job.as_dict() == {
        "job_id": "Dgesgeqzd0dd***==",
        "inventory_id": "disposable",
        "bucket": "examplebucket-1250000000",
        "region": "ap-guangzhou",
        "destination_bucket": "inventorybucket-1250000000",
        "report_prefix": "cos_bucket_inventory/1250000000/examplebucket/disposable",
        "submitted_at": "2022-11-20T12:00:00+00:00",
        "attached": False,
        "attached_at": None,
    }


def test_unknown_keys_are_ignored_and_a_z_is_utc() -> None:
    data = {**JOB.as_dict(), "manifest": {}, "submitted_at": "2022-11-20T12:00:00Z"}

    assert InventoryJob.from_dict(data) == JOB


@pytest.mark.parametrize(
    ("key", "value", "parameter"),
    [
        ("inventory_id", "a b", "inventory_id"),
        ("bucket", "examplebucket", "bucket"),
        ("destination_bucket", "x", "destination_bucket"),
        ("region", "cos.evil.example", "region"),
        ("report_prefix", 7, "report_prefix"),
        ("report_prefix", "", "report_prefix"),
        ("job_id", 7, "job_id"),
        ("attached", "no", "attached"),
        ("submitted_at", "2022-11-20T12:00:00", "submitted_at"),
        ("submitted_at", "yesterday", "submitted_at"),
        ("submitted_at", "9999-12-31T23:59:59+00:00", "submitted_at"),
        ("submitted_at", "0001-01-01T00:00:00+08:00", "submitted_at"),
        ("submitted_at", 1668945600, "job"),
        ("attached_at", "2022-11-20T12:00:00", "attached_at"),
        ("attached_at", "9999-12-31T23:59:59+00:00", "attached_at"),
        ("attached_at", 1668945600, "job"),
        ("submitted_at", None, "job"),
    ],
)
def test_a_wrong_value_of_a_job_is_named(key: str, value: object, parameter: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        InventoryJob.from_dict({**JOB.as_dict(), key: value})

    assert raised.value.parameter == parameter


@pytest.mark.parametrize("missing", [name for name in JOB.as_dict() if not name.startswith("attached")])
def test_a_missing_key_is_an_error_that_says_what_to_pass(missing: str) -> None:
    data = {name: value for name, value in JOB.as_dict().items() if name != missing}

    with pytest.raises(COSInventoryConfigurationError, match="Pass the output of a COSInventoryOperator") as raised:
        InventoryJob.from_dict(data)
    assert raised.value.parameter == "job"
    assert raised.value.message == f"The job has no {missing}."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["disposable"], "['disposable'] is not a job."),
        ({**JOB.as_dict(), "submitted_at": 7}, "This is not a job: submitted_at is 7."),
    ],
)
def test_what_is_no_job_is_named_in_words(data: Any, message: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        InventoryJob.from_dict(data)
    assert raised.value.message == message


@given(rubbish)
def test_rubbish_is_no_job(data: Any) -> None:
    with pytest.raises(COSInventoryConfigurationError):
        InventoryJob.from_dict(data)


@given(st.dictionaries(st.sampled_from(list(JOB.as_dict())), rubbish, min_size=1))
def test_a_job_with_rubbish_in_it_is_refused_or_can_be_searched_for(changes: dict[str, Any]) -> None:
    try:
        job = InventoryJob.from_dict({**JOB.as_dict(), **changes})
    except COSInventoryConfigurationError:
        return
    assert job.search().dates


@pytest.mark.parametrize(
    ("submitted_at", "dates"),
    [
        (datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc), ("20260310",)),
        (datetime(2026, 3, 10, 23, 59, tzinfo=timezone.utc), ("20260310", "20260311")),
        # The answer came after midnight, the scan may have started before.
        (datetime(2026, 3, 11, 0, 0, 1, tzinfo=timezone.utc), ("20260310", "20260311")),
        (datetime(2026, 3, 11, 0, 6, tzinfo=timezone.utc), ("20260311",)),
        (datetime(2026, 3, 10, 23, 59, tzinfo=CHINA), ("20260310", "20260311")),
        (datetime(2026, 3, 11, 0, 0, 1, tzinfo=CHINA), ("20260310", "20260311")),
        (datetime(2026, 3, 10, 21, 59, tzinfo=CHINA), ("20260310",)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=timezone.utc), ("20261231", "20270101")),
    ],
)
def test_the_dates_around_a_submission_are_searched(submitted_at: datetime, dates: tuple[str, ...]) -> None:
    assert dataclasses.replace(JOB, submitted_at=submitted_at).search().dates == dates


@pytest.mark.parametrize(("job_id", "dates"), [(None, ("20260311", "20260310")), ("j", ("20260310",))])
def test_an_attached_job_is_searched_newest_first_unless_its_time_is_known(job_id, dates) -> None:
    submitted_at = datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc)
    job = dataclasses.replace(JOB, attached=True, job_id=job_id, submitted_at=submitted_at)

    assert job.search().dates == dates


@pytest.mark.parametrize(
    ("hour", "dates", "past"),
    [
        (12, ("20260310", "20260309"), ("20260309",)),
        # In China it is the next day.
        (20, ("20260311", "20260310", "20260309"), ("20260310", "20260309")),
        # Today's scan may begin two hours later.
        (15, ("20260311", "20260310", "20260309"), ("20260309",)),
    ],
)
def test_reports_of_past_days_count_if_they_came_after_the_task_attached(hour, dates, past) -> None:
    attached_at = datetime(2026, 3, 10, hour, 0, tzinfo=timezone.utc)
    submitted_at = datetime(2026, 3, 10, tzinfo=timezone.utc)
    search = dataclasses.replace(JOB, attached=True, submitted_at=submitted_at, attached_at=attached_at).search()

    assert (search.dates, search.past_dates) == (dates, past)
    assert {search.earliest(date) for date in past} == {attached_at}
    assert search.earliest(dates[0]) == submitted_at


def test_a_search_is_in_the_destination_for_reports_no_older_than_the_job() -> None:
    search = JOB.search()

    assert (search.bucket, search.region, search.not_before) == (JOB.destination_bucket, JOB.region, JOB.submitted_at)
    assert search.prefixes == (JOB.report_prefix,)


def test_without_a_prefix_both_readings_are_searched() -> None:
    bare = "1250000000/examplebucket/disposable"

    assert dataclasses.replace(JOB, report_prefix=bare).search().prefixes == (bare, f"/{bare}")
