# SPDX-License-Identifier: Apache-2.0
"""What every way of waiting has in common: one look, the result, the time-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.cos.reports import find_manifest
from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTimeoutError,
    COSInventoryTransientError,
    error_from_dict,
    shown,
)
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.inventory.report.search import ReportSearch
from airflow_provider_cosinv.waiting.progress import StateLog

if TYPE_CHECKING:
    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

#: How many polls long manifest and checksum may disagree: the report may be being rewritten.
GRACE_POLLS = 3

#: The trigger keeps a wait's time itself; Airflow's own limit is this much longer, for a triggerer that is not running.
TRIGGERER_MARGIN = timedelta(minutes=5)

_CHECK_DELIVERY = (
    "COS does not say why it delivers no report. Check that the role COS_QcsRole exists and may write to the "
    "destination bucket, that this bucket is in the source bucket's region, that its lifecycle rules do not delete the "
    "report, and that the number of objects listed is not simply large. Then raise the time-out"
)
_CHECK_THE_RULE = (
    "for a periodic inventory, check that bucket, destination_bucket, destination_prefix and inventory_id are those of "
    "its rule, that the rule is enabled, and that COS dates a report of this day so: in which time zone is not "
    "documented."
)


def look_once(hook: COSInventoryHook, states: StateLog, *, poll_interval: float) -> Manifest | None:
    """
    Look for the report once, on a worker, and read its manifest where it is ready.

    :param hook: for the destination's region
    :param states: of this wait
    :param poll_interval: seconds between looks
    :returns: the manifest, or None where it is worth looking again
    :raises COSInventoryError: where it is not
    """
    try:
        try:
            sighting, manifest = find_manifest(hook.client, states.search, grace=GRACE_POLLS * poll_interval)
        except COSInventoryPermissionError as refusal:
            with renewing_after(refusal):
                renewed = hook.renew()
            if not renewed:
                raise
            states.renewed(hook.cos_conn_id)
            return None
    except COSInventoryTransientError as error:
        states.failed(error)
        return None
    states.seen(sighting)
    return manifest


@contextmanager
def renewing_after(refusal: COSInventoryPermissionError) -> Iterator[None]:
    """
    Let the fault of a connection that cannot be read anew say why it was to be: a refusal is never "not yet".

    :param refusal: of COS, which newer credentials may heal
    """
    try:
        yield
    except COSInventoryTransientError as error:
        raise COSInventoryTransientError(
            f"COS refuses the credentials ({refusal.code or refusal.status}). {error.message}",
            **{**refusal.details(), **error.details()},
        ) from error


def manifest_of(event: Mapping[str, Any], hook: COSInventoryHook, search: ReportSearch) -> Manifest:
    """
    Return the manifest that a trigger found.

    :param event: the trigger's
    :raises COSInventoryTransientError: if it is no longer what the trigger found; another look will tell
    :raises COSInventoryCorruptReportError: if it is, and is damaged: the triggerer, which reads its MD5 alone, would
        find it again
    :raises COSInventoryError: the trigger's own
    """
    if event["outcome"] != "found":
        raise error_from_dict(dict(event))
    try:
        return hook.read_manifest(bucket=search.bucket, manifest_key=event["manifest_key"], checksum=event["checksum"])
    except (COSInventoryCorruptReportError, COSInventoryNotFoundError) as error:
        if isinstance(error, COSInventoryCorruptReportError) and error.parameter != "checksum":
            raise
        raise COSInventoryTransientError(
            f"What the triggerer found cannot be read now: {error.message}", **error.details()
        ) from error


def not_in_time(search: ReportSearch, *, timeout: float, last: str) -> COSInventoryTimeoutError:
    """
    Return the error of a wait that ended without a report. COS tells nobody why it delivers none.

    :param timeout: seconds waited
    :param last: the last state seen
    """
    # Only the search of a job has a time before which no report is its.
    if search.not_before is not None:
        hint = f"{_CHECK_DELIVERY}, or clear the task that submits."
    else:
        hint = f"It looked in {shown(search)}: {_CHECK_THE_RULE} {_CHECK_DELIVERY}."
    return COSInventoryTimeoutError(
        f"No verified report, that is manifest.checksum and a manifest.json with this MD5, within {timeout:g} seconds "
        f"in {shown(search)} (last seen: {shown(last or 'nothing')}).",
        bucket=search.bucket,
        hint=hint,
    )


def no_answer(timeout: float) -> COSInventoryTimeoutError:
    """
    Return the error of a deferred wait that Airflow ended.

    :param timeout: seconds that the wait was to take at most
    """
    return COSInventoryTimeoutError(
        f"The triggerer gave no answer within {timeout + TRIGGERER_MARGIN.total_seconds():g} seconds.",
        hint="Check that a triggerer is running and has room (Admin > Jobs; [triggerer] capacity).",
    )
