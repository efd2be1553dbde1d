# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import time
from copy import deepcopy
from datetime import datetime, timedelta, timezone

import pytest
import structlog
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings, ReportDialect
from airflow_provider_cosinv.exceptions import COSInventoryTransientError
from airflow_provider_cosinv.hooks.airflow_errors import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
    TaskDeferred,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor, COSInventorySensorTimeout
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

MODES = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
every_mode = pytest.mark.parametrize("mode", list(MODES))


def submit(**parameters):
    operator = COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv", **parameters
    )
    return operator.execute(make_context())


def make_sensor(mode, **parameters):
    return COSInventorySensor(**{"task_id": "wait", "poke_interval": 0.05, "timeout": 20, **MODES[mode], **parameters})


@every_mode
def test_a_wait_for_a_periodic_report_says_first_where_it_looked(cos, mode):
    place = {"destination_bucket": DESTINATION, "destination_prefix": "inv", "date": "20261122"}
    sensor = make_sensor(mode, bucket=SOURCE, inventory_id="daily", timeout=0.2, **place)
    with pytest.raises(COSInventorySensorTimeout) as raised:
        run_task(lambda: sensor, make_context())
    assert raised.value.hint.startswith(
        f"It looked in cos://{DESTINATION}/inv/1250000000/examplebucket/daily/20261122: for a periodic inventory, "
        "check that bucket, destination_bucket, destination_prefix and inventory_id are those of its rule"
    )
    assert "submits" not in raised.value.hint


@every_mode
def test_wait_for_a_filter_that_matched_nothing_warns_of_it(cos, mode):
    job = submit(prefix="nothing-of-it/")
    with structlog.testing.capture_logs() as entries:
        manifest = run_task(lambda: make_sensor(mode, job=job), make_context()).result
    assert manifest["matched_objects"] == 0
    said = [entry["event"] % entry.get("positional_args", ()) for entry in entries if entry["log_level"] == "warning"]
    assert len([text for text in said if text.startswith("The inventory's filter matched none of the 3 objects")]) == 1


class TestReportThatNeverComes:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=3600))

    @every_mode
    def test_never_fail_skips_too(self, cos, mode):
        job = submit()
        with pytest.raises(AirflowSkipException):
            run_task(lambda: make_sensor(mode, job=job, timeout=0.2, never_fail=True), make_context())

    def test_airflows_own_limit_is_later_than_the_triggers(self, cos):
        sensor = make_sensor("deferrable", job=submit(), timeout=3600)
        begun = time.time()
        with pytest.raises(TaskDeferred) as raised:
            sensor.execute(make_context())
        assert timedelta(minutes=61) < raised.value.timeout <= timedelta(minutes=65)
        assert begun + 3600 <= raised.value.trigger.deadline <= time.time() + 3600

    def test_a_triggerer_that_does_not_answer_is_a_time_out_that_says_so(self, cos):
        sensor = make_sensor("deferrable", job=submit())
        with pytest.raises(AirflowSensorTimeout, match="triggerer is running") as raised:
            sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, make_context())
        assert isinstance(raised.value.__cause__, TaskDeferralTimeout)


def test_a_worker_that_cannot_read_what_the_triggerer_sees_ends_with_the_time(cos, impatient_retries):
    job = submit()
    there = run_task(lambda: make_sensor("poke", job=job), make_context()).result
    cos.fault(method="GET", status=500, times=None)
    event = {"outcome": "found", "deadline": time.time() - 1, "job": None}
    event |= {name: there[name] for name in ("manifest_key", "checksum")}
    sensor = make_sensor("deferrable", job=job)
    with pytest.raises(AirflowSensorTimeout, match="last seen: no answer"):
        sensor.resume_execution("execute_complete", {"event": event}, make_context())


def test_a_report_that_came_while_no_triggerer_ran_is_found(cos):
    job = submit()
    there = run_task(lambda: make_sensor("poke", job=job), make_context()).result
    sensor = make_sensor("deferrable", job=job)
    assert sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, make_context()) == there


@every_mode
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"inventory_id": "a b"}, "parameter: inventory_id"), ({"inventory_id": "x"}, "code: AccessDenied")],
    ids=["parameter", "forbidden"],
)
def test_never_fail_skips_whatever_is_wrong_and_says_what(cos, mode, wrong, reason):
    cos.fault(method="GET", status=403, code="AccessDenied", times=None)
    with pytest.raises(AirflowSkipException, match=reason):
        run_task(lambda: make_sensor(mode, bucket=SOURCE, never_fail=True, **wrong), make_context())


@pytest.mark.parametrize("root_slash", [False, True])
class TestNoPrefix:
    @pytest.fixture
    def emulator_settings(self, root_slash):
        return EmulatorSettings(post_rate=0, dialect=ReportDialect(root_slash=root_slash))

    def test_a_report_without_prefix_is_found_with_and_without_a_leading_slash(self, cos):
        operator = COSInventoryOperator(task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION)
        job = operator.execute(make_context())
        manifest = run_task(lambda: make_sensor("deferrable", job=job), make_context()).result
        assert manifest["matched_objects"] == 3
        assert len(list(COSInventoryHook().iter_records(manifest))) == 3


@every_mode
@pytest.mark.parametrize("prefix", ["rules", "rules/"])
def test_a_periodic_inventory_is_waited_for_by_id_and_date(cos, mode, prefix):
    hook = COSInventoryHook()
    destination = Destination(bucket=DESTINATION, region="ap-guangzhou", prefix=prefix)
    rule = InventoryConfiguration(inventory_id="daily", destination=destination, schedule=Schedule(frequency="Daily"))
    hook.put_rule(bucket=SOURCE, configuration=rule)
    delivered = cos.deliver_rule(SOURCE, "daily")
    sensor = make_sensor(
        mode,
        bucket=SOURCE,
        inventory_id="daily",
        destination_bucket=DESTINATION,
        destination_prefix=prefix,
        date=delivered["date"],
    )
    assert run_task(lambda: deepcopy(sensor), make_context()).result["matched_objects"] == 3


def test_without_a_date_the_day_of_the_run_counts_in_both_time_zones(cos):
    job = submit(inventory_id="mine")
    sensor = make_sensor(
        "poke", bucket=SOURCE, inventory_id="mine", destination_bucket=DESTINATION, destination_prefix="inv"
    )
    assert run_task(lambda: deepcopy(sensor), make_context()).result["manifest_key"].startswith(job["report_prefix"])


def test_outlets_get_an_event_that_says_which_report_it_is(cos):
    asset = Asset(f"cos://{DESTINATION}/inv")
    context = make_context()
    job = submit()
    manifest = run_task(lambda: make_sensor("poke", job=job, outlets=[asset]), context).result
    extra = context["outlet_events"][asset].extra
    assert extra == {
        **{name: value for name, value in manifest.items() if name != "files"},
        "job_id": job["job_id"],
        "inventory_id": job["inventory_id"],
        "date": manifest["manifest_key"].split("/")[-2],
    }
    read = COSInventoryHook(region=extra["region"]).read_manifest(
        bucket=extra["bucket"], manifest_key=extra["manifest_key"], checksum=extra["checksum"]
    )
    assert read.as_dict() == manifest


@pytest.mark.parametrize("known", ["name", "uri"])
def test_a_reference_to_an_asset_gets_the_same_event(cos, monkeypatch, known):
    asset = Asset(name="reports", uri=f"cos://{DESTINATION}/inv")
    # Where a task runs, Airflow's API server answers it.
    monkeypatch.setattr(OutletEventAccessors, "_get_asset_from_db", staticmethod(lambda **_: asset))
    monkeypatch.setattr(OutletEventAccessors, "_asset_ref_cache", {})
    context = make_context(outlet_events=OutletEventAccessors())
    outlet = Asset.ref(**{known: getattr(asset, known)})
    job = submit()
    manifest = run_task(lambda: make_sensor("poke", job=job, outlets=[outlet]), context).result
    extra = context["outlet_events"][asset].extra
    assert (extra["manifest_key"], extra["job_id"]) == (manifest["manifest_key"], job["job_id"])


class Answers:
    """The supervisor of a task, which has one answer to what is asked of assets."""

    def __init__(self, error):
        self.error = error

    def send(self, _):
        return ErrorResponse(error=self.error)


# Airflow 3.1 is warned of its own way to read a connection where there is a supervisor.
supervised = pytest.mark.filterwarnings("ignore:Using Connection.from_json:DeprecationWarning")


@supervised
@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_a_reference_that_no_dag_resolves_gets_no_event_and_fails_no_wait(cos, monkeypatch, caplog, mode):
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Answers(ErrorType.ASSET_NOT_FOUND), raising=False)
    context = make_context(outlet_events=OutletEventAccessors())
    job = submit()
    outlets = [Asset.ref(name="nobody's"), Asset("reports", f"cos://{DESTINATION}/inv")]
    assert run_task(lambda: make_sensor(mode, job=job, outlets=outlets), context).result["matched_objects"] == 3
    assert context["outlet_events"][outlets[1]].extra["job_id"] == job["job_id"]
    assert [record.levelname for record in caplog.records if "nobody's" in record.getMessage()] == ["WARNING"]


@supervised
def test_a_reference_that_airflow_cannot_look_up_now_is_left_to_the_retries(cos, monkeypatch):
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Answers(ErrorType.API_SERVER_ERROR), raising=False)
    context = make_context(outlet_events=OutletEventAccessors())
    job = submit()
    with pytest.raises(AirflowRuntimeError):
        run_task(lambda: make_sensor("poke", job=job, outlets=[Asset.ref(name="reports")]), context)


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({}, "job"),
        ({"bucket": SOURCE}, "job"),
        ({"job": {"job_id": "x"}}, "job"),
        ({"job": "{'job_id': 'x'}"}, "job"),
        ({"bucket": "short", "inventory_id": "x"}, "bucket"),
        ({"bucket": SOURCE, "inventory_id": "x", "silent_fail": True}, "silent_fail"),
        ({"bucket": SOURCE, "inventory_id": "a b"}, "inventory_id"),
        ({"bucket": SOURCE, "inventory_id": "x", "date": "2026-11-22"}, "date"),
        ({"bucket": SOURCE, "inventory_id": "x", "date": "20261322"}, "date"),
        ({"bucket": SOURCE, "inventory_id": "x", "destination_bucket": "x"}, "destination_bucket"),
        ({"bucket": SOURCE, "inventory_id": "x", "region": "x"}, "region"),
    ],
)
def test_a_wrong_value_fails_before_any_request_and_names_the_parameter(cos, parameters, parameter):
    cos.fault(status=500)
    with pytest.raises(AirflowFailException) as raised:
        run_task(lambda: make_sensor("poke", **parameters), make_context())
    assert raised.value.__cause__.parameter == parameter
    assert cos.faults()[0]["seen"] == 0


@every_mode
@pytest.mark.parametrize("by", ["job", "bucket"])
def test_a_connection_that_is_not_found_is_told_before_any_request_and_left_to_the_retries(cos, mode, by):
    wanted = {"job": submit()} if by == "job" else {"bucket": SOURCE, "inventory_id": "x"}
    cos.fault(status=500)
    with pytest.raises(COSInventoryTransientError, match="There is no connection 'nowhere'"):
        run_task(lambda: make_sensor(mode, cos_conn_id="nowhere", soft_fail=True, **wanted), make_context())
    assert cos.faults()[0]["seen"] == 0


def test_a_connection_that_is_deleted_for_good_is_told_when_the_time_is_over(cos):
    context = make_context()
    context["ti"].first_reschedule = datetime.now(timezone.utc) - timedelta(hours=1)
    with pytest.raises(AirflowSensorTimeout, match="last seen: no answer: There is no connection 'nowhere'"):
        make_sensor("reschedule", job=submit(), cos_conn_id="nowhere").execute(context)


@pytest.mark.parametrize("mode", ["reschedule", "deferrable"])
def test_with_a_region_a_wait_for_a_bucket_goes_on_without_the_connection(cos, mode):
    context = make_context()
    context["ti"].first_reschedule = datetime.now(timezone.utc) - timedelta(minutes=1)
    wanted = {"bucket": SOURCE, "inventory_id": "x", "region": "ap-guangzhou", "timeout": 3600}
    sensor = make_sensor(mode, cos_conn_id="nowhere", poke_interval=60, **wanted)
    if mode == "reschedule":
        with pytest.raises(AirflowRescheduleException):
            sensor.execute(context)
        return
    found = {"outcome": "found", "manifest_key": "x/manifest.json", "checksum": "0" * 32}
    with pytest.raises(TaskDeferred):
        sensor.resume_execution("execute_complete", {"event": {**found, "deadline": time.time() + 60}}, context)


def test_a_value_beside_the_job_may_repeat_it_but_not_contradict_it(cos):
    job = submit()
    assert run_task(lambda: make_sensor("poke", job=job, bucket=SOURCE), make_context()).result
    with pytest.raises(AirflowFailException, match="Leave it out"):
        run_task(lambda: make_sensor("poke", job=job, date="20261122"), make_context())
    with pytest.raises(AirflowFailException, match="but the job says"):
        run_task(lambda: make_sensor("poke", job=job, bucket="other-1250000000"), make_context())


def test_a_job_may_come_as_json_from_a_template(cos):
    assert (
        run_task(lambda: make_sensor("poke", job=json.dumps(submit())), make_context()).result["matched_objects"] == 3
    )


def test_an_alias_gets_an_event_of_the_inventorys_folder(cos):
    context = make_context()
    job = submit()
    run_task(lambda: make_sensor("poke", job=job, outlets=[AssetAlias("reports")]), context)
    ((uri, extra),) = context["outlet_events"].added["reports"]
    assert uri == f"cos://{DESTINATION}/{job['report_prefix']}"
    assert (extra["job_id"], extra["matched_objects"]) == (job["job_id"], 3)
