# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import time
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from threading import Timer

import pytest
from airflow.sdk import Asset

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings, ReportDialect
from airflow_provider_cosinv.exceptions import (
    COSInventoryCorruptReportError,
    COSInventoryPermissionError,
    COSInventoryTimeoutError,
)
from airflow_provider_cosinv.hooks.airflow_exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
    TaskDeferred,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Destination, InventoryConfiguration, Schedule
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
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


class TestReportThatTakesAWhile:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=3))

    @every_mode
    def test_the_manifest_comes_back_the_same_in_every_mode(self, cos, mode):
        run = run_task(lambda: make_sensor(mode, job=submit()), make_context())
        assert (run.deferrals > 0) is (mode == "deferrable")
        assert (run.reschedules > 0) is (mode == "reschedule")
        manifest = run.result
        assert json.loads(json.dumps(manifest)) == manifest
        assert manifest["bucket"] == DESTINATION
        assert manifest["source_bucket"] == SOURCE
        assert manifest["listed_objects"] == manifest["matched_objects"] == 3
        assert manifest["listed_bytes"] == manifest["matched_bytes"] == 15
        assert manifest["columns"][:3] == ["Appid", "Bucket", "Key"]
        assert [set(file) for file in manifest["files"]] == [{"key", "size", "md5"}]
        assert len(manifest["checksum"]) == 32
        assert manifest["manifest_key"].endswith("/manifest.json")

    @every_mode
    def test_faults_that_pass_are_part_of_the_wait(self, cos, mode):
        job = submit()
        cos.fault(method="GET", status=503, code="SlowDown", times=2)
        assert run_task(lambda: make_sensor(mode, job=job), make_context()).result["matched_objects"] == 3

    @every_mode
    def test_a_fault_that_outlives_the_clients_tries_is_part_of_the_wait_too(self, cos, impatient_retries, mode):
        job = submit()
        cos.fault(method="GET", nth=3, status=500, times=12)
        assert run_task(lambda: make_sensor(mode, job=job), make_context()).result["matched_objects"] == 3
        assert cos.faults()[0]["happened"] == 12


@every_mode
def test_a_destination_bucket_that_is_gone_is_an_error_not_a_wait(cos, mode):
    job = {**submit(), "destination_bucket": "gone-1250000000"}
    with pytest.raises(AirflowFailException) as raised:
        run_task(lambda: make_sensor(mode, job=job), make_context())
    assert raised.value.__cause__.code == "NoSuchBucket"


class TestReportThatNeverComes:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=3600))

    @every_mode
    def test_the_time_out_is_airflows_and_says_what_to_check(self, cos, mode):
        with pytest.raises(AirflowSensorTimeout, match="COS_QcsRole") as raised:
            run_task(lambda: make_sensor(mode, job=submit(), timeout=0.2), make_context())
        assert isinstance(raised.value, COSInventoryTimeoutError)
        assert "manifest.checksum" in str(raised.value)

    @every_mode
    def test_soft_fail_skips(self, cos, mode):
        with pytest.raises(AirflowSkipException):
            run_task(lambda: make_sensor(mode, job=submit(), timeout=0.2, soft_fail=True), make_context())

    @every_mode
    def test_never_fail_skips_too(self, cos, mode):
        job = submit()
        with pytest.raises(AirflowSkipException):
            run_task(lambda: make_sensor(mode, job=job, timeout=0.2, never_fail=True), make_context())

    def test_airflows_own_limit_is_later_than_the_triggers(self, cos):
        with pytest.raises(TaskDeferred) as raised:
            make_sensor("deferrable", job=submit(), timeout=60).execute(make_context())
        assert timedelta(seconds=359) < raised.value.timeout <= timedelta(seconds=360)
        assert raised.value.trigger.deadline == pytest.approx(time.time() + 60, abs=5)

    def test_a_triggerer_that_does_not_answer_is_a_time_out_that_says_so(self, cos):
        sensor = make_sensor("deferrable", job=submit())
        with pytest.raises(AirflowSensorTimeout, match="triggerer is running") as raised:
            sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, make_context())
        assert isinstance(raised.value.__cause__, TaskDeferralTimeout)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True])
def test_forbidden_is_an_error_at_once_and_soft_fail_does_not_hide_it(cos, mode, soft_fail):
    job = submit()
    cos.fault(method="GET", status=403, code="AccessDenied", message="Access Denied.")
    with pytest.raises(AirflowFailException, match="name/cos:GetObject") as raised:
        run_task(lambda: make_sensor(mode, job=job, soft_fail=soft_fail), make_context())
    assert isinstance(raised.value.__cause__, COSInventoryPermissionError)


@every_mode
@pytest.mark.parametrize("wrong", [{"inventory_id": "a b"}, {"inventory_id": "x"}], ids=["parameter", "forbidden"])
def test_never_fail_skips_whatever_is_wrong(cos, mode, wrong):
    cos.fault(method="GET", status=403, code="AccessDenied", times=None)
    with pytest.raises(AirflowSkipException):
        run_task(lambda: make_sensor(mode, bucket=SOURCE, never_fail=True, **wrong), make_context())


@every_mode
def test_credentials_that_are_renewed_during_the_wait_are_picked_up(cos, mode, monkeypatch):
    job = submit()
    cos.add_credential(secret_id="AKIDold", secret_key="o" * 32)
    old = {**cos.connection, "login": "AKIDold", "password": "o" * 32}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(old))
    cos.fault(method="GET", status=404, code="NoSuchKey", times=6)

    def revoke_and_renew():
        cos.add_credential(secret_id="AKIDold", secret_key="o" * 32, allow=[])
        monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)

    renewal = Timer(0.3, revoke_and_renew)
    renewal.start()
    try:
        run = run_task(lambda: make_sensor(mode, job=job, poke_interval=0.3), make_context())
    finally:
        renewal.join()
    assert run.result["matched_objects"] == 3


class TestFaultAfterTheTrigger:
    def test_it_is_part_of_the_wait(self, cos, impatient_retries):
        job = submit()
        cos.fault(method="GET", status=404, code="NoSuchKey", times=2)  # the worker's first look, in either zone
        cos.fault(method="GET", key="manifest.json", nth=2, status=500, times=5)  # the worker's reading
        run = run_task(lambda: make_sensor("deferrable", job=job), make_context())
        assert run.result["matched_objects"] == 3
        assert cos.faults()[1]["happened"] == 5


class TestForbiddenLater:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(seconds=3600))

    @every_mode
    @pytest.mark.parametrize("soft_fail", [False, True])
    def test_forbidden_during_the_wait_is_the_same_error(self, cos, mode, soft_fail):
        job = submit()
        cos.fault(method="GET", nth=3, status=403, code="AccessDenied")
        with pytest.raises(AirflowFailException) as raised:
            run_task(lambda: make_sensor(mode, job=job, soft_fail=soft_fail), make_context())
        assert raised.value.__cause__.code == "AccessDenied"


@every_mode
def test_a_manifest_that_stays_wrong_is_an_error_after_a_time_of_grace(cos, mode):
    job = submit()
    (report,) = wait_for_keys(cos, "manifest.checksum")
    cos.put_object(DESTINATION, report, b"0" * 32)
    with pytest.raises(COSInventoryCorruptReportError, match="0000") as raised:
        run_task(lambda: make_sensor(mode, job=job, soft_fail=True, poke_interval=0.5), make_context())
    assert raised.value.key.endswith("manifest.json")


@every_mode
def test_a_manifest_that_is_being_rewritten_is_waited_for(cos, mode):
    job = submit()
    (report,) = wait_for_keys(cos, "manifest.checksum")
    right = cos.get_object(DESTINATION, report)
    cos.put_object(DESTINATION, report, b"0" * 32)
    heal = Timer(1.6, lambda: cos.put_object(DESTINATION, report, right))
    heal.start()
    try:
        manifest = run_task(lambda: make_sensor(mode, job=job, poke_interval=1), make_context()).result
    finally:
        heal.join()
    assert manifest["matched_objects"] == 3


@pytest.mark.parametrize(
    "dialect",
    [
        ReportDialect(checksum="HEX", checksum_newline=True),
        ReportDialect(checksum="base64"),
        ReportDialect(manifest="historic"),
        ReportDialect(empty_report="empty-file"),
    ],
    ids=["upper case, newline", "base64", "first generation", "empty file"],
)
class TestOpenFacts:
    @pytest.fixture
    def emulator_settings(self, dialect):
        return EmulatorSettings(post_rate=0, dialect=dialect)

    @pytest.mark.parametrize("prefix", [None, "nothing/"])
    def test_every_reading_of_the_documentation_works(self, cos, prefix):
        manifest = run_task(lambda: make_sensor("poke", job=submit(prefix=prefix)), make_context()).result
        records = list(COSInventoryHook().iter_records(manifest))
        assert len(records) == manifest["matched_objects"] == (0 if prefix else 3)


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


@every_mode
def test_an_older_report_under_the_same_id_is_not_the_jobs(cos, mode):
    job = submit()
    wait_for_keys(cos, "manifest.checksum")
    later = datetime.now(timezone.utc) + timedelta(minutes=5)
    with pytest.raises(AirflowSensorTimeout, match="older than the job"):
        run_task(lambda: make_sensor(mode, job={**job, "submitted_at": later.isoformat()}, timeout=0.2), make_context())


def test_outlets_get_an_event_that_says_which_report_it_is(cos):
    asset = Asset(f"cos://{DESTINATION}/inv")
    context = make_context()
    manifest = run_task(lambda: make_sensor("poke", job=submit(), outlets=[asset]), context).result
    extra = context["outlet_events"][asset].extra
    assert extra == {name: value for name, value in manifest.items() if name != "files"}
    read = COSInventoryHook(region=extra["region"]).read_manifest(
        bucket=extra["bucket"], manifest_key=extra["manifest_key"], checksum=extra["checksum"]
    )
    assert read.as_dict() == manifest


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({}, "job"),
        ({"bucket": SOURCE}, "job"),
        ({"job": {"job_id": "x"}}, "job"),
        ({"job": "{'job_id': 'x'}"}, "job"),
        ({"bucket": "short", "inventory_id": "x"}, "bucket"),
        ({"bucket": SOURCE, "inventory_id": "x", "silent_fail": True}, "silent_fail"),
        ({"bucket": SOURCE, "inventory_id": "x", "cos_conn_id": "nowhere"}, "cos_conn_id"),
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


def wait_for_keys(cos, name):
    found = []
    for _ in range(100):
        found = [key for key in cos.keys(DESTINATION) if key.endswith(name)]
        if found:
            break
    return found
