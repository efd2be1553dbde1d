# SPDX-License-Identifier: Apache-2.0
"""What the event of an Asset says of a report."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.definitions.asset import AssetRef
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from airflow_provider_cosinv.assets.cos import create_asset
from airflow_provider_cosinv.exceptions import shown
from airflow_provider_cosinv.inventory.report.manifest import Manifest

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def about_report(manifest: Manifest, *, job_id: str | None = None) -> dict[str, Any]:
    """
    Return what the event of an asset says of a report: enough for a consumer DAG to read the manifest itself.

    :param manifest: the report's; its list of files may be too long for an event
    :param job_id: of its submission; None where it is not known, as that of a periodic inventory
    """
    about = {name: value for name, value in manifest.as_dict().items() if name != "files"}
    return {**about, "inventory_id": manifest.inventory_id, "date": manifest.date, "job_id": job_id}


def announce(manifest: Manifest, outlets: Iterable[Any], context: Context, *, job_id: str | None = None) -> None:
    """
    Say in the event of each asset that a task produces which report it is.

    An alias gets an event of the inventory's folder, ``cos://bucket/prefix/appid/source/inventory id``. A reference to
    an Asset that no active DAG names gets none: Airflow makes no event of it either, and lets the task succeed.

    :param manifest: the report's
    :param outlets: the task's
    :param context: of the task's run
    :param job_id: of the report's submission, where it is known
    """
    about = about_report(manifest, job_id=job_id)
    for outlet in outlets:
        if isinstance(outlet, (Asset, AssetRef)):
            try:
                event = context["outlet_events"][outlet]
            except AirflowRuntimeError as error:
                if error.error.error is not ErrorType.ASSET_NOT_FOUND:
                    raise
                log.warning("%s gets no event: no active DAG names this Asset", shown(outlet))
                continue
            event.extra.update(about)
        elif isinstance(outlet, AssetAlias):
            folder = create_asset(bucket=manifest.bucket, key=manifest.inventory_folder)
            context["outlet_events"][outlet].add(folder, extra=about)
