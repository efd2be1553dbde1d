# SPDX-License-Identifier: Apache-2.0
"""
What can happen while a task waits for a report, and how the wait ends: one table, the same for every way of waiting.

Nothing here depends on the machine's speed: what heals does so after a number of requests, and a wait that shall end
by its time-out needs nothing to happen before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings, ReportDialect
from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.hooks.airflow_errors import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_provider_cosinv.inventory.report.layout import report_dates
from tests.reliability.relay import Relay
from tests.reliability.reports import packed, put_report
from tests.reliability.stage import Stage


class End(NamedTuple):
    """What tasks raise at the end of a wait; None where they return the manifest."""

    sensor: type[Exception] | None
    sensor_with_soft_fail: type[Exception] | None
    operator: type[Exception] | None


ENDS = {
    "found": End(None, None, None),
    "refused": End(AirflowFailException, AirflowFailException, AirflowFailException),
    "corrupt": End(COSInventoryCorruptReportError, COSInventoryCorruptReportError, COSInventoryCorruptReportError),
    "late": End(AirflowSensorTimeout, AirflowSkipException, AirflowFailException),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    One row of the table.

    :param happens: what happens, as the document says it
    :param ends: how the wait ends: a key of ``ENDS``
    :param says: what the error says; where late, what was seen last
    :param code: of COS, in the error
    :param faults: of the emulator
    :param settings: of the emulator
    :param before: happens before the inventory is submitted
    :param meanwhile: happens while the task waits
    """

    happens: str
    ends: str
    says: str = ""
    code: str | None = None
    faults: tuple[Mapping[str, Any], ...] = ()
    settings: EmulatorSettings
    before: Callable[[Stage], None] | None = None
    meanwhile: Callable[[Stage], None] | None = None


def where(happens: str, ends: str, *faults: Mapping[str, Any], **more: Any) -> Row:
    emulator = {name: more.pop(name) for name in ("delivery", "dialect", "report_timezone") if name in more}
    return Row(happens=happens, ends=ends, faults=faults, settings=EmulatorSettings(post_rate=0, **emulator), **more)


def get(key: str = "manifest", **fault: Any) -> dict[str, Any]:
    return {"method": "GET", "key": key, "times": None, **fault}


def delivered(key: str, **fault: Any) -> dict[str, Any]:
    return {"action": "DeliverReport", "key": key, **fault}


LATER = Delivery(polls=6)
NEVER = Delivery(seconds=1e9)
CHECKSUM, MANIFEST = "manifest.checksum$", "manifest.json$"
DENIED: dict[str, Any] = {"status": 403, "code": "AccessDenied", "message": "Access Denied."}
GONE: dict[str, Any] = {"status": 404, "code": "NoSuchKey"}
GATEWAY: dict[str, Any] = {"status": 404, "body": "<html>Not found</html>", "headers": {"x-cos-request-id": ""}}
# Of the service's own clock: with them the time of grace never ends, or has ended.
JUST_WRITTEN = {"headers": {"last-modified": "Fri, 01 Jan 2100 00:00:00 GMT"}}
LONG_WRITTEN = {"headers": {"date": "Fri, 01 Jan 2100 00:00:00 GMT"}}
HOUR = 3600


def use_an_old_key(stage: Stage) -> None:
    stage.cos.add_credential(secret_id="AKIDold", secret_key="o" * 32)
    stage.connect(login="AKIDold", password="o" * 32)


def revoke_the_old_key(stage: Stage) -> None:
    stage.after_polls(3)
    stage.cos.add_credential(secret_id="AKIDold", secret_key="o" * 32, allow=[])


def replace_the_key(stage: Stage) -> None:
    stage.after_polls(3)
    stage.connect()
    revoke_the_old_key(stage)
    stage.after_polls(4)
    stage.deliver()


def miss_the_connection(stage: Stage) -> None:
    stage.after_polls(3)
    stage.disconnect()
    stage.cos.add_credential(secret_id="AKIDold", secret_key="o" * 32, allow=[])
    stage.after_missing_the_connection(3)
    stage.connect()
    stage.deliver()


def use_a_token(stage: Stage, token: str = "first") -> None:
    name = f"AKID{token}"
    stage.cos.add_credential(secret_id=name, secret_key="t" * 32, token=token, expires_in=HOUR)
    stage.connect(login=name, password="t" * 32, extra={"token": token})


def at(moment: str) -> Callable[[Stage], None]:
    return lambda stage: stage.stop_clocks(datetime.fromisoformat(moment))


def let_hours_pass(stage: Stage) -> None:
    for _ in range(4):
        stage.after_polls(2)
        stage.pass_time(HOUR - 600)
    deliver(stage)


def at_noon_with_a_token(stage: Stage) -> None:
    at("2026-11-21T12:00:00+00:00")(stage)
    use_a_token(stage)


def let_the_token_end(stage: Stage) -> None:
    stage.after_polls(3)
    stage.pass_time(2 * HOUR)


def renew_the_token(stage: Stage) -> None:
    stage.after_polls(3)
    stage.pass_time(HOUR - 60)
    use_a_token(stage, "second")
    stage.after_polls(3)
    stage.pass_time(120)
    stage.after_polls(4)
    stage.deliver()


def have_a_report_of_yesterday(stage: Stage) -> None:
    now = datetime.now(timezone.utc)
    for date in report_dates(now - timedelta(days=1), now + timedelta(days=1)):
        put_report(
            stage.cos,
            stage.destination,
            packed("1250000000,source,yesterday,1\n"),
            folder=stage.folder,
            date=date,
            written=now - timedelta(days=1),
        )


def deliver(stage: Stage) -> None:
    stage.after_polls(4)
    stage.deliver()


def go_through_a_relay(stage: Stage) -> None:
    stage.relay = Relay(stage.cos.url)
    stage.connect(extra={"endpoint_url": stage.relay.url})


def cut_and_mend_the_network(stage: Stage) -> None:
    assert stage.relay
    stage.after_polls(2)
    stage.relay.cut()
    stage.after_tries(12)
    stage.relay.mend()
    deliver(stage)


# fmt: off
TABLE = (
    where("it is not there for a while", "found", delivery=LATER),
    where("nothing is ever delivered", "late", delivery=NEVER, says="not there yet"),
    where("it is forbidden", "refused", get(**DENIED), code="AccessDenied", says="name/cos:GetObject"),
    where("it is forbidden after a while", "refused", get(nth=3, **DENIED), delivery=NEVER, code="AccessDenied"),
    where("the destination bucket is deleted", "refused", get(nth=3, status=404, code="NoSuchBucket"), delivery=NEVER,
        code="NoSuchBucket"),
    where("COS throttles for a while", "found", get(status=503, code="SlowDown", times=25)),
    where("COS throttles all the time", "late", get(status=503, code="SlowDown"), says="no answer"),
    where("COS fails for a while", "found", get(nth=2, status=500, times=12)),
    where("connections are reset for a while", "found", get(nth=2, reset="before", times=12)),
    where("connections are reset all the time", "late", get(reset="before"), says="no answer"),
    where("connections are refused for a while", "found", delivery=NEVER, before=go_through_a_relay,
        meanwhile=cut_and_mend_the_network),
    where("COS fails when the worker reads what the triggerer found", "found",
        get(MANIFEST, nth=2, status=500, times=6), delivery=LATER),
    where("a gateway answers 404 for a while", "found", get(nth=2, times=6, **GATEWAY)),
    where("a gateway answers 404 all the time", "late", get(**GATEWAY), says="no answer"),
    where("answers are cut for a while", "found", get(cut_after=5, times=12)),
    where("the checksum is there before the manifest", "found", get(MANIFEST, times=3, **GONE)),
    where("the manifest is there before the checksum", "found", get(CHECKSUM, times=6, **GONE)),
    where("the manifest never comes", "late", delivered(MANIFEST, drop=True),
        says="being written: the checksum is there, the manifest is not"),
    where("the checksum never comes", "late", delivered(CHECKSUM, drop=True), says="not there yet"),
    where("manifest and checksum disagree for a while", "found", get(CHECKSUM, corrupt_at=0, times=4),
        get(MANIFEST, **JUST_WRITTEN)),
    where("manifest and checksum disagree when the time is over", "late", get(CHECKSUM, corrupt_at=0),
        get(MANIFEST, **JUST_WRITTEN), says="being written: manifest and checksum do not agree yet"),
    where("manifest and checksum disagree and nobody writes", "corrupt", delivered(CHECKSUM, corrupt_at=0),
        get(MANIFEST, **LONG_WRITTEN), says="neither has changed"),
    where("the manifest is rewritten between the look and the reading", "found", get(MANIFEST, nth=2, corrupt_at=5,
        times=1), get(MANIFEST, **JUST_WRITTEN), delivery=LATER),
    where("the manifest is gone between the look and the reading", "found", get(MANIFEST, nth=2, times=1, **GONE),
        delivery=LATER),
    where("the checksum is in upper case", "found", dialect=ReportDialect(checksum="HEX")),
    where("the checksum is base64", "found", dialect=ReportDialect(checksum="base64")),
    where("the checksum ends in a line feed", "found", dialect=ReportDialect(checksum_newline=True)),
    where("a report of yesterday has the same id", "found", delivery=NEVER, before=have_a_report_of_yesterday,
        meanwhile=deliver),
    where("only a report of yesterday has the id", "late", delivery=NEVER, before=have_a_report_of_yesterday,
        says="not there yet; the one that is there is older than the job"),
    *(
        where(f"the job is of 23:59 in {zone} and the report is dated {dated}", "found", before=at(moment),
            report_timezone=report_timezone, delivery=LATER)
        for zone, moment in (("UTC", "2026-11-21T23:59:30+00:00"), ("UTC+8", "2026-11-21T23:59:30+08:00"))
        for dated, report_timezone in (("in UTC", "UTC"), ("in UTC+8", "+08:00"), ("a minute later in UTC", "+00:01"),
                                       ("a minute later in UTC+8", "+08:01"))
    ),
    where("it takes hours", "found", delivery=NEVER, before=at("2026-11-21T12:00:00+00:00"), meanwhile=let_hours_pass),
    where("the token ends during a wait of hours", "refused", delivery=NEVER, before=at_noon_with_a_token,
        meanwhile=let_the_token_end, code="ExpiredToken", says="renew"),
    where("the token is renewed during a wait of hours", "found", delivery=NEVER, before=at_noon_with_a_token,
        meanwhile=renew_the_token),
    where("the key is revoked during the wait", "refused", delivery=NEVER, before=use_an_old_key,
        meanwhile=revoke_the_old_key, code="AccessDenied"),
    where("the key is replaced in the connection during the wait", "found", delivery=NEVER, before=use_an_old_key,
        meanwhile=replace_the_key),
    where("Airflow cannot read the connection for a while", "found", delivery=NEVER, before=use_an_old_key,
        meanwhile=miss_the_connection),
)
# fmt: on
