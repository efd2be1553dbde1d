# SPDX-License-Identifier: Apache-2.0
"""Submits a one-time inventory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.hooks.airflow_errors import TaskDeferralTimeout, failing_fast
from airflow_provider_cosinv.hooks.templates import TextFields
from airflow_provider_cosinv.links.cos import COSReportLink, COSSourceBucketLink
from airflow_provider_cosinv.operators._inventory_parameters import INVENTORY_FIELDS, build_configuration, seconds

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
    from airflow_provider_cosinv.inventory.job import InventoryJob
    from airflow_provider_cosinv.inventory.report.manifest import Manifest
    from airflow_provider_cosinv.operators._submission import Submission
    from airflow_provider_cosinv.operators._submission_state import StateStore
    from airflow_provider_cosinv.waiting.deferral import Wait

_A_DAY = 24 * 60 * 60
_TO_BE_DERIVED = "derived"
_ON_DUPLICATE = ("fail", "attach")
# XCom: Airflow resumes a wait that nobody answered without its arguments, and XComs of a try outlive a deferral.
_JOB_KEY = "job"


class COSInventoryOperator(TextFields):
    """
    Submits a one-time inventory of a bucket, exactly once, and returns the job as a JSON dict.

    A retry asks COS for the same inventory id and attaches to what an earlier attempt submitted; a cleared task
    takes a new inventory. Each key of the result is an XCom too, so that
    ``ti.xcom_pull(task_ids="submit", key="job_id")`` is the JobId. POST Bucket inventory (436/46869).

    COS has no call that cancels an inventory: one that was accepted runs to its end.

    :param bucket: full name of the source bucket, ``name-APPID`` (templated)
    :param destination_bucket: full name of the bucket for the report, in the same region; default: ``bucket``
        (templated)
    :param destination_prefix: prefix of the report's keys (templated)
    :param prefix: list only keys that begin with it (templated)
    :param tags: list only objects with all of these tags; needs the field ``Tag`` (templated: JSON)
    :param storage_classes: list only objects of these classes (templated: JSON)
    :param created_after: list only objects created at or after it: an aware time or ISO 8601 text (templated)
    :param created_before: list only objects created before it (templated)
    :param included_object_versions: ``Current`` or ``All`` (templated)
    :param optional_fields: columns beside Appid, Bucket and Key; default: every standard one (templated: JSON)
    :param encryption: None or ``SSE-COS`` (templated)
    :param account_id: UIN of the destination bucket's owner; COS does not require it (templated)
    :param inventory_id: an id of your own, unused today; default: derived from DAG, task, run, map index,
        configuration and the number of clears (templated)
    :param on_duplicate: what a taken ``inventory_id`` of your own means: ``fail``, or ``attach`` to whatever inventory
        has it, be it what this task asks for or not
    :param preflight: ask COS for the destination bucket first; COS tells nobody when it cannot write there
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of both buckets; default: the connection's (templated)
    :param durable: keep the job in Airflow's task state store, where there is one (3.3 and later)
    :param wait_for_completion: wait for the report, too; the result then has one more key, ``manifest``
    :param deferrable: wait in the triggerer, without a worker
    :param poll_interval: seconds, or a timedelta, between two looks for the report at least; it grows with the age of
        the wait, up to ten times as long and ten minutes at most
    :param timeout: seconds, or a timedelta, to wait for the report at most; a wait that took it all is not retried
    :param multiple_outputs: push each key of the result as an XCom of its own, too
    """

    template_fields: Sequence[str] = (
        *INVENTORY_FIELDS,
        "inventory_id",
        "cos_conn_id",
        "region",
    )
    template_fields_renderers = {  # noqa: RUF012  Airflow declares it so
        "tags": "json",
        "storage_classes": "json",
        "optional_fields": "json",
    }
    ui_color = "#d7e8ff"
    operator_extra_links = (COSReportLink(), COSSourceBucketLink())

    _submitted: InventoryJob | None = None

    def __init__(
        self,
        *,
        bucket: str,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        prefix: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        storage_classes: Sequence[str] | str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        included_object_versions: str = "Current",
        optional_fields: Sequence[str] | str | None = None,
        encryption: str | None = None,
        account_id: str | None = None,
        inventory_id: str | None = None,
        on_duplicate: str = "fail",
        preflight: bool = True,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        durable: bool = True,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 60,
        timeout: float | timedelta = _A_DAY,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.bucket = bucket
        self.destination_bucket = destination_bucket
        self.destination_prefix = destination_prefix
        self.prefix = prefix
        self.tags = tags
        self.storage_classes = storage_classes
        self.created_after = created_after
        self.created_before = created_before
        self.included_object_versions = included_object_versions
        self.optional_fields = optional_fields
        self.encryption = encryption
        self.account_id = account_id
        self.inventory_id = inventory_id
        self.on_duplicate = on_duplicate
        self.preflight = preflight
        self.cos_conn_id = cos_conn_id
        self.region = region
        self.durable = durable
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout

    @cached_property
    def hook(self) -> COSInventoryHook:
        """The hook, in the region of the buckets."""
        from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

        return COSInventoryHook(cos_conn_id=self.cos_conn_id, region=self.region)

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Submit, and wait where asked to.

        :returns: the job, :meth:`InventoryJob.as_dict`, with the key ``manifest`` where it was waited for
        :raises AirflowFailException: a wrong parameter or a refusal by COS, which no retry heals
        :raises COSInventoryError: what a retry may heal
        """
        with failing_fast():
            job = self._submission(context).submit()
            self._show(context, job)
            if not self.wait_for_completion:
                return job.as_dict()
            if self.do_xcom_push:
                # The wait may take hours; who looks for the JobId meanwhile shall find it.
                context["ti"].xcom_push(key="job_id", value=job.job_id)
            if not self.deferrable:
                return self._wait_here(context, job)
            now = time.time()
            return self._poll_or_defer(context, job, self._wait(job, begun=now), now + self._time_to_wait())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """
        Go on after the triggerer's wait.

        :param event: the trigger's
        :returns: as :meth:`execute`
        """
        from airflow_provider_cosinv.inventory.job import InventoryJob

        with failing_fast():
            job = self._submitted = InventoryJob.from_dict(event["job"])
            wait = self._wait(job, begun=event["deadline"] - self._time_to_wait())
            manifest = wait.manifest_of(event)
            if manifest is not None:
                return self._result(context, job, manifest, wait)
            return self._poll_or_defer(context, job, wait, event["deadline"])

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral, also where the triggerer did not answer."""
        with failing_fast():
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                # Nobody has polled for a while.
                found = self._last_poll(context)
                if found is not None:
                    return found
                from airflow_provider_cosinv.waiting.outcome import no_answer

                raise no_answer(self._time_to_wait()) from error

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Return what OpenLineage shows of the task: the source bucket is read."""
        from airflow_provider_cosinv.hooks.lineage import openlineage
        from airflow_provider_cosinv.processing.datasets import Dataset

        return openlineage(inputs=[Dataset(self.bucket)], outputs=[])

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002  the signature
        """Return the same, with the report that the inventory goes to."""
        from airflow_provider_cosinv.hooks.lineage import openlineage
        from airflow_provider_cosinv.processing.datasets import Dataset

        job = self._submitted
        report = [Dataset(job.destination_bucket, job.report_prefix)] if job else []
        return openlineage(inputs=[Dataset(self.bucket)], outputs=report)

    def _show(self, context: Context, job: InventoryJob) -> None:
        """Keep the job, of this attempt or of an earlier one, for the links and for lineage."""
        self._submitted = job
        if not self.do_xcom_push:
            return
        from airflow_provider_cosinv.processing.datasets import Dataset

        report = Dataset(job.destination_bucket, job.report_prefix)
        COSReportLink().store(context, dataset=report, region=job.region)
        COSSourceBucketLink().store(context, dataset=Dataset(job.bucket), region=job.region)

    def _submission(self, context: Context) -> Submission:
        from airflow_provider_cosinv.inventory.identity import TaskIdentity
        from airflow_provider_cosinv.operators._submission import Submission

        # Before anything is submitted, and billed.
        seconds(self.poll_interval, "poll_interval")
        seconds(self.timeout, "timeout")
        if self.on_duplicate not in _ON_DUPLICATE:
            raise COSInventoryConfigurationError(
                f"{quoted(self.on_duplicate)} is not a choice.",
                parameter="on_duplicate",
                hint='Use "fail" or "attach".',
            )
        ti = context["ti"]
        store: StateStore | None = context.get("task_state_store") if self.durable else None
        return Submission(
            hook=self.hook,
            bucket=self.bucket,
            configuration=build_configuration(self, inventory_id=self.inventory_id or _TO_BE_DERIVED),
            identity=TaskIdentity(
                dag_id=ti.dag_id,
                task_id=ti.task_id,
                run_id=ti.run_id,
                map_index=-1 if ti.map_index is None else ti.map_index,
                run_started=_moment(context["dag_run"].start_date),
                # Airflow sets it when the run is made, and anew when the task is cleared.
                generation=ti.max_tries,
            ),
            chosen_id=self.inventory_id or None,
            attach_to_duplicate=self.on_duplicate == "attach",
            preflight=self.preflight,
            store=store,
            log=self.log,
        )

    def _wait_here(self, context: Context, job: InventoryJob) -> dict[str, Any]:
        from airflow_provider_cosinv.waiting.interval import interval_at

        wait = self._wait(job, begun=time.time())
        timeout = seconds(self.timeout, "timeout")
        deadline = time.monotonic() + timeout
        while True:
            manifest = wait.poll()
            if manifest is not None:
                return self._result(context, job, manifest, wait)
            left = deadline - time.monotonic()
            if left <= 0:
                raise wait.not_in_time(timeout)
            time.sleep(min(interval_at(timeout - left, floor=wait.poll_interval), left))

    def _last_poll(self, context: Context) -> dict[str, Any] | None:
        from airflow_provider_cosinv.inventory.job import InventoryJob
        from airflow_provider_cosinv.waiting.outcome import TRIGGERER_MARGIN

        ti = context["ti"]
        kept = ti.xcom_pull(task_ids=ti.task_id, key=_JOB_KEY, map_indexes=ti.map_index)
        if not kept:
            return None
        job = self._submitted = InventoryJob.from_dict(kept)
        wait = self._wait(job, begun=time.time() - self._time_to_wait() - TRIGGERER_MARGIN.total_seconds())
        manifest = wait.poll()
        return None if manifest is None else self._result(context, job, manifest, wait)

    def _time_to_wait(self) -> float:
        # Airflow keeps execution_timeout on a worker only.
        timeout = seconds(self.timeout, "timeout")
        return min(timeout, self.execution_timeout.total_seconds()) if self.execution_timeout else timeout

    def _wait(self, job: InventoryJob, *, begun: float) -> Wait:
        from airflow_provider_cosinv.waiting.deferral import Wait
        from airflow_provider_cosinv.waiting.progress import StateLog

        return Wait(
            hook=self.hook,
            states=StateLog(search=job.search(), log=self.log, begun=begun),
            poll_interval=seconds(self.poll_interval, "poll_interval"),
            timeout=self._time_to_wait(),
        )

    def _poll_or_defer(self, context: Context, job: InventoryJob, wait: Wait, deadline: float) -> dict[str, Any]:
        from airflow_provider_cosinv.triggers.cos_inventory import COSInventoryTrigger

        manifest = wait.poll()
        if manifest is not None:
            return self._result(context, job, manifest, wait)
        if self.do_xcom_push:
            context["ti"].xcom_push(key=_JOB_KEY, value=job.as_dict())
        trigger = COSInventoryTrigger(
            search=wait.states.search.as_dict(),
            cos_conn_id=self.cos_conn_id,
            poke_interval=wait.poll_interval,
            deadline=deadline,
            timeout=wait.timeout,
            job=job.as_dict(),
            last_seen=wait.states.last,
        )
        wait.defer(self, trigger, deadline=deadline)

    def _result(self, context: Context, job: InventoryJob, manifest: Manifest, wait: Wait) -> dict[str, Any]:
        from airflow_provider_cosinv.assets.events import announce

        wait.states.ready(manifest)
        announce(manifest, self.outlets, context, job_id=job.job_id)
        return {**job.as_dict(), "manifest": manifest.as_dict()}


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(timezone.utc).isoformat() if moment else ""
