# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a wait, the same in every way of waiting."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import datetime, timedelta, timezone

import pytest
import structlog

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.waiting.progress import SEEN_KEY, describe_duration
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import make_context, run_task

SENSORS = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
OPERATORS = {"operator": {"deferrable": False}, "deferrable operator": {"deferrable": True}}
WAITED = r"\(waited \d+ s\)"
READY = (
    rf"Report ready {WAITED}: cos://{DESTINATION}/inv/.*/manifest\.json: 3 objects of 15 bytes, out of 3 listed "
    r"\(the number that is billed\); data files: 1, of \d+ bytes"
)


def submission(**parameters):
    return COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, destination_prefix="inv", **parameters
    )


def wait_in(way):
    """A task that waits, in one of five ways."""
    if way in OPERATORS:
        return submission(wait_for_completion=True, poll_interval=0.02, timeout=20, **OPERATORS[way])
    job = submission().execute(make_context())
    return COSInventorySensor(task_id="wait", job=job, poke_interval=0.02, timeout=20, **SENSORS[way])


def lines_of(task, context):
    """What the task logs of its report, at INFO and above."""
    with structlog.testing.capture_logs() as entries:
        run_task(lambda: deepcopy(task), context)
    return [
        (entry["log_level"], entry["event"])
        for entry in entries
        if entry["event"].startswith("Report") and entry["log_level"] != "debug"
    ]


def check(lines, *expected):
    assert len(lines) == len(expected), lines
    for (level, text), (wanted_level, pattern) in zip(lines, expected, strict=True):
        assert level == wanted_level
        assert re.fullmatch(pattern, text), text


every_way = pytest.mark.parametrize("way", [*SENSORS, *OPERATORS])


@every_way
class TestAWait:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=8))

    def test_it_is_one_line_while_nothing_changes_and_one_at_the_end(self, cos, way):
        lines = lines_of(wait_in(way), make_context())
        check(lines, ("info", rf"Report cos://{DESTINATION}/inv/.*: not there yet {WAITED}"), ("info", READY))

    def test_each_change_is_one_line(self, cos, way, impatient_retries):
        task = wait_in(way)
        cos.fault(method="GET", key="checksum", nth=3, times=12, status=500, code="InternalError")
        cos.fault(method="GET", key=r"manifest\.json", times=4, status=404, code="NoSuchKey")
        lines = lines_of(task, make_context())
        check(
            lines,
            ("info", rf"Report .*: not there yet {WAITED}"),
            ("warning", rf"Report .*: COS could not be asked, trying again {WAITED}: .*InternalError.*"),
            ("info", rf"Report .*: not there yet {WAITED}"),
            ("info", rf"Report .*: being written: the checksum is there, the manifest is not {WAITED}"),
            ("info", READY),
        )


@every_way
def test_a_report_that_is_there_is_one_line(cos, way):
    check(lines_of(wait_in(way), make_context()), ("info", READY))


def test_a_sensor_that_is_rescheduled_has_waited_since_its_first_look(cos):
    context = make_context()
    context["ti"].first_reschedule = datetime.now(timezone.utc) - timedelta(hours=1)
    ((_, text),) = lines_of(wait_in("reschedule"), context)
    assert text.startswith("Report ready (waited 1 h)")


class TestASensorThatIsRescheduled:
    @pytest.fixture
    def emulator_settings(self):
        return EmulatorSettings(post_rate=0, delivery=Delivery(polls=8))

    def test_before_airflow_3_3_which_has_no_memory_between_looks_not_there_yet_is_one_line_too(self, cos):
        context = make_context()
        del context["task_state_store"]
        check(
            lines_of(wait_in("reschedule"), context), ("info", rf"Report .*: not there yet {WAITED}"), ("info", READY)
        )

    def test_another_attempt_tells_it_anew(self, cos):
        context = make_context()
        lines_of(wait_in("reschedule"), context)
        assert context["task_state_store"].get(SEEN_KEY) == {"try_number": 1, "seen": "not there yet"}
        cos.put_object(DESTINATION, "readme.txt", b"")
        context["ti"].try_number = 2
        sensor = COSInventorySensor(
            task_id="wait",
            bucket=SOURCE,
            inventory_id="never",
            destination_bucket=DESTINATION,
            poke_interval=0.02,
            timeout=0.1,
            mode="reschedule",
            soft_fail=True,
        )
        with structlog.testing.capture_logs() as entries, pytest.raises(Exception, match="No verified report"):
            run_task(lambda: deepcopy(sensor), context)
        assert sum("not there yet (waited" in entry["event"] for entry in entries) == 1

    def test_a_store_that_fails_does_not_end_the_wait(self, cos):
        class Broken:
            def get(self, key):
                raise RuntimeError(key)

            set = get

        context = make_context(task_state_store=Broken())
        assert lines_of(wait_in("reschedule"), context)[-1][1].startswith("Report ready")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (11_999, "3 h 19 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, text):
    assert describe_duration(seconds) == text
