# SPDX-License-Identifier: Apache-2.0
"""
Links from a task to the COS console.

The addresses are those that the console itself shows, in which a folder is encoded twice; no page of COS documents
them. They are of the console of mainland China: how the international one names a bucket is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_cosinv.processing.datasets import Dataset

_CONSOLE = "https://console.cloud.tencent.com/cos/bucket"


class _ConsoleLink(BaseOperatorLink):
    """
    A place in the COS console.

    It is stored when it is known, not when the task ends: so it is there while the task waits in the triggerer, and a
    retry, at whose start Airflow deletes what a task has stored, stores it again.
    """

    text: ClassVar[str]

    @property
    def name(self) -> str:
        """The button's text."""
        return self.text

    def store(self, context: Context, *, dataset: Dataset, region: str) -> None:
        """
        Keep the link of this attempt.

        :param dataset: a bucket, or a folder of it
        :param region: of the bucket
        """
        address = console_url(bucket=dataset.bucket or "", region=region, folder=dataset.path)
        context["ti"].xcom_push(key=self.xcom_key, value=address)

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002  Airflow's signature
        """Return the address, empty where none was stored: Airflow then shows the button disabled."""
        from airflow.sdk.execution_time.xcom import XCom

        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""


class COSReportLink(_ConsoleLink):
    """The folder of the report."""

    text = "Report in COS"


class COSSourceBucketLink(_ConsoleLink):
    """The bucket that is listed."""

    text = "Source bucket in COS"


class COSResultLink(_ConsoleLink):
    """The folder of the file that was written, where it is on COS."""

    text = "Result in COS"


def console_url(*, bucket: str, region: str, folder: str = "") -> str:
    """
    Return the address of a bucket, or of a folder of it, in the console.

    :param bucket: full name
    :param region: of the bucket
    :param folder: prefix that is shown, with or without slashes at its ends; empty for the whole bucket
    """
    address = {"bucket": bucket, "region": region}
    if folder.strip("/"):
        # Encoded here, and by urlencode once more.
        address["path"] = quote(f"/{folder.strip('/')}/", safe="")
    return f"{_CONSOLE}?{urlencode(address)}"
