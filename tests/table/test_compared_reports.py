# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.table.diff.compared_reports import ComparedReport, check_alike


def report(date: str = "20261101", **known: Any) -> ComparedReport:
    return ComparedReport(
        **{
            "bucket": "reports-1250000000",
            "source_bucket": "examplebucket-1250000000",
            "manifest_key": f"inv/daily/{date}/manifest.json",
            "columns": ("Key", "Size"),
            "listed_objects": 10,
            "matched_objects": 10,
            **known,
        }
    )


@pytest.mark.parametrize(
    ("previous", "current"),
    [
        pytest.param(report(), report(), id="same-day"),
        pytest.param(report("20261031"), report("20261101"), id="next-day"),
        pytest.param(report("2026-10-31"), report("20261101"), id="date-with-hyphens"),
        pytest.param(report("later"), report(), id="no-date"),
        pytest.param(report(manifest_key="manifest.json"), report(), id="no-folder"),
        pytest.param(report(matched_objects=5), report(matched_objects=6), id="both-filtered"),
        pytest.param(report(matched_objects=5), report(listed_objects=None), id="listed-unknown"),
        pytest.param(report(matched_objects=5), report(matched_objects=None), id="matched-unknown"),
        pytest.param(report(matched_objects=5), report(listed_objects=0, matched_objects=0), id="empty-bucket"),
        pytest.param(report(), report(columns=("Size", "Key")), id="order-of-columns"),
    ],
)
def test_alike_reports_get_no_warning(previous: ComparedReport, current: ComparedReport) -> None:
    assert check_alike(previous, current) == ()


@pytest.mark.parametrize(
    ("previous", "current", "said"),
    [
        pytest.param(report("20261102"), report(), "of 20261102, the current one of 20261101", id="exchanged"),
        pytest.param(report("2026-11-02T00-00Z"), report(), "of 20261102, the current one", id="odd-date"),
        pytest.param(report(matched_objects=5), report(), "the previous one has 5 of 10 listed", id="filter-before"),
        pytest.param(report(), report(matched_objects=4), "the current one has 4 of 10 listed", id="filter-now"),
        pytest.param(report(columns=("Key",)), report(), "fields: Size only in the current report.", id="field"),
    ],
)
def test_unlike_reports_get_a_warning(previous: ComparedReport, current: ComparedReport, said: str) -> None:
    (warning,) = check_alike(previous, current)

    assert said in warning


def test_names_from_outside_are_escaped_and_bounded() -> None:
    names = tuple(f"x-cos-meta-\n\x1b{number:03}{'x' * 1000}" for number in range(50))

    (warning,) = check_alike(report(), report(columns=("Key", "Size", *names)))

    assert len(warning) < 2000
    assert warning.endswith("and 40 more only in the current report.")
    assert warning.isprintable()


def test_different_buckets_are_refused_by_name() -> None:
    with pytest.raises(COSInventoryConfigurationError) as caught:
        check_alike(report(), report(source_bucket="other\n-1250000000"))

    assert caught.value.message.startswith(
        "The previous report lists examplebucket-1250000000, the current one 'other\\n-1250000000':"
    )
    assert caught.value.parameter == "previous"
