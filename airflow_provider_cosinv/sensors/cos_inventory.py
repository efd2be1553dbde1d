# SPDX-License-Identifier: Apache-2.0
"""Waits for the report of an inventory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.sdk import BaseOperator, BaseSensorOperator, PokeReturnValue

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryTimeoutError,
    quoted,
)
from airflow_provider_cosinv.hooks.airflow_errors import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
    failing_fast,
)
from airflow_provider_cosinv.hooks.templates import TextFields
from airflow_provider_cosinv.links.cos import COSReportLink, COSSourceBucketLink

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg

    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
    from airflow_provider_cosinv.inventory.job import InventoryJob
    from airflow_provider_cosinv.inventory.report.manifest import Manifest
    from airflow_provider_cosinv.inventory.report.search import ReportSearch
    from airflow_provider_cosinv.processing.datasets import Dataset
    from airflow_provider_cosinv.waiting.deferral import Wait


class COSInventorySensorTimeout(COSInventoryTimeoutError, AirflowSensorTimeout):  # noqa: N818  as Airflow's own
    """No verified report within the sensor's ``timeout``; Airflow does not retry it, and ``soft_fail`` may skip it."""


class COSInventorySensor(TextFields, BaseSensorOperator):
    """
    Waits until a report is there and its manifest is verified, and returns the manifest as a JSON dict.

    The report is there when ``manifest.checksum`` and ``manifest.json`` exist and the MD5 of the second is what the
    first says (436/30622). "Forbidden" is an error at once, never "not yet". Faults that pass (network, 5xx,
    throttling) are part of the wait. The result is the same in all three modes, and so is the time-out.

    Assets among the ``outlets`` get an event that says what the report is: the result without its list of files,
    enough for :meth:`COSInventoryHook.read_manifest` in the DAG that is scheduled on it.

    :param job: the output of a COSInventoryOperator (templated)
    :param bucket: instead of ``job``: full name of the source bucket (templated)
    :param inventory_id: with ``bucket``: id of the inventory, one-time or periodic (templated)
    :param destination_bucket: with ``bucket``: full name of the bucket with the report; default: ``bucket`` (templated)
    :param destination_prefix: with ``bucket``: the prefix of the destination (templated)
    :param date: with ``bucket``: the report's date, ``YYYYMMDD``; default: the day the DAG run was due, in UTC and in
        UTC+8, since COS does not document its time zone. ``{{ ds_nodash }}`` is one of the two only (templated)
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the buckets; default: the job's, or the connection's (templated)
    :param deferrable: wait in the triggerer, without a worker
    :param multiple_outputs: push each key of the result as an XCom of its own, too
    :param kwargs: ``poke_interval`` and ``timeout`` in seconds, ``mode``, ``soft_fail`` (skips what is not there in
        time, and nothing else) and ``never_fail`` as of every sensor; ``silent_fail`` is refused. In the triggerer the
        interval grows from ``poke_interval`` with the age of the wait, up to ``max_wait``, or ten times as long and
        ten minutes at most; on a worker it grows with ``exponential_backoff`` only
    """

    template_fields: Sequence[str] = (
        "job",
        "bucket",
        "inventory_id",
        "destination_bucket",
        "destination_prefix",
        "date",
        "cos_conn_id",
        "region",
    )
    template_fields_renderers = {"job": "json"}  # noqa: RUF012  Airflow declares it so
    ui_color = "#d7e8ff"
    operator_extra_links = (COSReportLink(), COSSourceBucketLink())

    _manifest: Manifest | None = None

    def __init__(
        self,
        *,
        job: Mapping[str, Any] | XComArg | str | None = None,
        bucket: str | None = None,
        inventory_id: str | None = None,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        date: str | None = None,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.job: Any = job
        self.bucket = bucket
        self.inventory_id = inventory_id
        self.destination_bucket = destination_bucket
        self.destination_prefix = destination_prefix
        self.date = date
        self.cos_conn_id = cos_conn_id
        self.region = region
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> COSInventoryHook:
        """The hook, in the region of the report."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        region = self._job.region if self._job else self.region
        return COSInventoryHook(cos_conn_id=self.cos_conn_id, region=region)

    @cached_property
    def _job(self) -> InventoryJob | None:
        if not self.job:
            return None
        try:
            data = json.loads(self.job) if isinstance(self.job, str) else self.job
        except (ValueError, RecursionError):
            raise COSInventoryConfigurationError(
                "job is text, but not JSON.",
                parameter="job",
                hint="Pass submit.output, or {{ ti.xcom_pull(task_ids='submit') | tojson }} in a template.",
            ) from None
        from airflow_provider_cosinv.inventory.job import InventoryJob

        return InventoryJob.from_dict(data)

    def execute(self, context: Context) -> Any:
        """
        Wait.

        :returns: the manifest, :meth:`Manifest.as_dict`
        :raises COSInventorySensorTimeout: no report within ``timeout``
        :raises AirflowFailException: a wrong parameter or a refusal by COS, which no retry heals
        """
        with self._outcome():
            if self.silent_fail:
                raise COSInventoryConfigurationError(
                    "silent_fail would take a forbidden report for one that is late.",
                    parameter="silent_fail",
                    hint="Leave it out: faults that pass are part of the wait anyway.",
                )
            self._begin(context)  # a wrong parameter is known before the first look
            self._show(context)
            if self.deferrable:
                return self._poll_or_defer(context, time.time() + self.timeout)
            try:
                return super().execute(context)
            except AirflowSensorTimeout as error:
                raise self._timed_out(context) from error
            except AirflowSkipException as skip:
                # The base class's reason is neither what was seen last nor what is wrong.
                if isinstance(skip.__cause__, COSInventoryError):
                    raise skip.__cause__ from skip.__cause__.__cause__
                if skip.__cause__ is None:
                    raise self._timed_out(context) from skip
                raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once."""
        wait = self._wait(context)
        states = wait.states
        before = states.last
        manifest = wait.poll()
        if manifest is None:
            if self.reschedule and states.last != before:
                states.remember(context)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._result(context, manifest))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """
        Go on after the triggerer's wait.

        :param event: the trigger's
        :returns: the manifest, :meth:`Manifest.as_dict`
        """
        manifest = self._wait(context, begun=event["deadline"] - self.timeout).manifest_of(event)
        if manifest is not None:
            return self._result(context, manifest)
        return self._poll_or_defer(context, event["deadline"])

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Go on after a deferral, with the rules of ``soft_fail`` and ``never_fail`` that hold on a worker.

        The base class would skip on any error of Airflow's: here only "not there in time" may be skipped softly.
        """
        with self._outcome():
            try:
                return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                from airflow_provider_cosinv.waiting.outcome import TRIGGERER_MARGIN, no_answer

                # Nobody has polled for a while.
                self._wait(context, begun=time.time() - self.timeout - TRIGGERER_MARGIN.total_seconds())
                found = self.poke(context)
                if found.xcom_value is not None:
                    return found.xcom_value
                raise _sensor_timeout(no_answer(self.timeout)) from error

    @contextmanager
    def _outcome(self) -> Iterator[None]:
        """Turn what ends a wait into what Airflow shall do, in every mode alike."""
        try:
            with failing_fast():
                try:
                    yield
                except COSInventorySensorTimeout:
                    raise
                except COSInventoryTimeoutError as error:
                    raise _sensor_timeout(error) from error
        except AirflowSensorTimeout as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        except (COSInventoryError, AirflowFailException) as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _poll_or_defer(self, context: Context, deadline: float) -> dict[str, Any]:
        from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger

        found = self.poke(context)
        if found.xcom_value is not None:
            return dict(found.xcom_value)
        wait = self._wait(context)
        trigger = COSInventoryTrigger(
            search=wait.states.search.as_dict(),
            cos_conn_id=self.cos_conn_id,
            poke_interval=self.poke_interval,
            deadline=deadline,
            timeout=self.timeout,
            max_poke_interval=self.max_wait.total_seconds() if self.max_wait is not None else None,
            last_seen=wait.states.last,
        )
        wait.defer(self, trigger, deadline=deadline)

    def _result(self, context: Context, manifest: Manifest) -> dict[str, Any]:
        from airflow_provider_cosinv.assets.events import announce

        self._wait(context).states.ready(manifest)
        self._manifest = manifest
        announce(manifest, self.outlets, context, job_id=self._job.job_id if self._job else None)
        return manifest.as_dict()

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Return what OpenLineage shows of the task: the bucket whose inventory is waited for."""
        from airflow_provider_cosinv.hooks.lineage import openlineage

        return openlineage(inputs=self._listed(), outputs=[])

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002  the signature
        """Return the same, with the report."""
        from airflow_provider_cosinv.hooks.lineage import openlineage
        from airflow_provider_cosinv.processing.datasets import Dataset

        report = [Dataset.of_report(self._manifest)] if self._manifest else []
        return openlineage(inputs=self._listed(), outputs=report)

    def _listed(self) -> list[Dataset]:
        from airflow_provider_cosinv.processing.datasets import Dataset

        if self._manifest:
            return [Dataset(self._manifest.source_bucket)]
        return [Dataset(self.bucket)] if self.bucket else []

    def _show(self, context: Context) -> None:
        """Link to where the report will be, and to the bucket that is listed."""
        search = self._wait(context).states.search
        if not self.do_xcom_push:
            return
        from airflow_provider_cosinv.processing.datasets import Dataset

        listed = self._job.bucket if self._job else self.bucket
        COSReportLink().store(context, dataset=Dataset(search.bucket, search.prefixes[0]), region=search.region)
        COSSourceBucketLink().store(context, dataset=Dataset(listed), region=search.region)

    def _timed_out(self, context: Context) -> COSInventorySensorTimeout:
        return _sensor_timeout(self._wait(context).not_in_time())

    def _begin(self, context: Context) -> None:
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule and not self.deferrable else None
        wait = self._wait(context, begun=first.timestamp() if first else None)
        if first:
            wait.states.recall(context)
        else:
            # One that nobody has made is told at once; later, one that cannot be read is part of the wait.
            self.hook.get_conn()

    _waiting: Wait | None = None

    def _wait(self, context: Context, *, begun: float | None = None) -> Wait:
        """
        Return the wait of this process.

        :param begun: Unix time, in seconds, at which the wait began; default: now
        """
        if self._waiting is None:
            from airflow_provider_cosinv.waiting.deferral import Wait
            from airflow_provider_cosinv.waiting.progress import StateLog

            begun = time.time() if begun is None else begun
            self._waiting = Wait(
                hook=self.hook,
                states=StateLog(search=self._search(context), log=self.log, begun=begun),
                poll_interval=self.poke_interval,
                timeout=self.timeout,
            )
        return self._waiting

    def _search(self, context: Context) -> ReportSearch:
        if self._job:
            self._refuse_what_contradicts(self._job)
            return self._job.search()
        if not self.bucket or not self.inventory_id:
            raise COSInventoryConfigurationError(
                "Neither a job nor a bucket and an inventory id is given.",
                parameter="job",
                hint="Give job=submit.output, or bucket and inventory_id.",
            )
        from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id, check_region
        from airflow_provider_cosinv.inventory.report.layout import check_date, report_prefixes
        from airflow_provider_cosinv.inventory.report.search import ReportSearch

        BucketName.parse(self.bucket)
        destination = str(BucketName.parse(self.destination_bucket or self.bucket, parameter="destination_bucket"))
        return ReportSearch(
            bucket=destination,
            # Where it is given, the connection is not needed yet: one that cannot be read now is part of the wait.
            region=check_region(self.region) if self.region else self.hook.settings.region,
            prefixes=report_prefixes(self.destination_prefix, self.bucket, check_inventory_id(self.inventory_id)),
            dates=(check_date(self.date),) if self.date else _dates_of_run(context),
        )

    def _refuse_what_contradicts(self, job: InventoryJob) -> None:
        # Equal values are fine: default_args may carry them for every task of a DAG.
        for name in ("bucket", "inventory_id", "destination_bucket", "region"):
            given = getattr(self, name)
            if given and given != getattr(job, name):
                raise COSInventoryConfigurationError(
                    f"{name} is {quoted(given)}, but the job says {quoted(getattr(job, name))}.",
                    parameter=name,
                    hint="Leave it out: the job is enough.",
                )
        if self.date:
            raise COSInventoryConfigurationError(
                f"date is {quoted(self.date)} beside a job, which has its own.", parameter="date", hint="Leave it out."
            )


def _sensor_timeout(error: COSInventoryTimeoutError) -> COSInventorySensorTimeout:
    return COSInventorySensorTimeout(error.message, **error.details())


def _dates_of_run(context: Context) -> tuple[str, ...]:
    from airflow_provider_cosinv.inventory.report.layout import report_dates

    # The same on every retry, reschedule and resumption.
    due = context["dag_run"].run_after
    return report_dates(due, due)
