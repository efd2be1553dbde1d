# SPDX-License-Identifier: Apache-2.0
"""
What goes wrong during the soak, drawn from a seed: the same seed gives each inventory the same faults.

All of them pass. What COS accepts before its answer is lost is called accepted here.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

APPID = "1250000000"
DESTINATION = f"soakreports-{APPID}"

#: Seconds that the client waits for an answer; the connection says so.
CLIENT_TIMEOUT = 4.0
#: Tries that the client makes of a request within one attempt of a task.
CLIENT_TRIES = 5

_TOO_LATE = CLIENT_TIMEOUT + 1
_SERVER_ERRORS = (500, 502, 503, 504)
_HTML = "<html><body><h1>Bad gateway</h1></body></html>"

# Parameters of the emulator's Fault by kind.
_Kinds = Mapping[str, Mapping[str, Any]]

_ANY_REQUEST: _Kinds = {
    "reset": {"reset": "before"},
    **{str(status): {"status": status} for status in _SERVER_ERRORS},
    "SlowDown": {"code": "SlowDown"},
    "slow": {"delay": 1.0},
    "no answer in time": {"delay": _TOO_LATE, "reset": "before"},
}
_POST: _Kinds = {
    "POST reset, not accepted": {"reset": "before"},
    "POST reset, accepted": {"reset": "after"},
    "POST no answer in time, not accepted": {"delay": _TOO_LATE, "reset": "before"},
    "POST no answer in time, accepted": {"delay_after": _TOO_LATE},
    **{f"POST {status}, not accepted": {"status": status} for status in _SERVER_ERRORS},
    **{f"POST {status}, accepted": {"status": status, "handle": True} for status in _SERVER_ERRORS},
    "POST SlowDown": {"code": "SlowDown"},
    "POST HTML 502, not accepted": {"status": 502, "body": _HTML},
    "POST 500 for a whole attempt": {"status": 500, "times": CLIENT_TRIES},
}
# Only the task's next attempt can find what this one submitted.
_UNANSWERED_ATTEMPT = "POST accepted, 500 for a whole attempt"
# The client is content with these: no further request meets a fault that stands behind them.
_LAST_POST: _Kinds = {
    "POST empty 200, accepted": {"body": "", "handle": True},
    "POST HTML 200, accepted": {"body": _HTML, "handle": True},
}
_HEAD: _Kinds = {f"HEAD {kind}": parameters for kind, parameters in _ANY_REQUEST.items()}
_GET: _Kinds = {
    **{f"GET {kind}": parameters for kind, parameters in _ANY_REQUEST.items()},
    "GET cut": {"cut_after": 10},
}
_CUT_DOWNLOAD = "GET data file cut"

LATE = "delivery late"
CHECKSUM_FIRST = "delivery checksum first"
MANIFEST_FIRST = "delivery manifest first"
MISMATCH = "delivery mismatch that heals"
_DELIVERIES = (LATE, CHECKSUM_FIRST, MANIFEST_FIRST, MISMATCH)

#: Every kind of fault, as the table of figures names it.
KINDS = (*_POST, _UNANSWERED_ATTEMPT, *_LAST_POST, *_HEAD, *_GET, _CUT_DOWNLOAD, *_DELIVERIES)

_NAMES = (
    "part.csv",
    "图片/一 二.jpg",
    "日志/a+b.gz",
    "100%/x, y.txt",
    'it\'s "quoted".json',
    "données/été.md",
    "empty/",
)
_STORAGE_CLASSES = ("STANDARD", "STANDARD_IA", "ARCHIVE")


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """
    One fault.

    :param kind: of :data:`KINDS`
    :param parameters: of the emulator's Fault
    """

    kind: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SourceObject:
    """One object of a source bucket; the body is ``size`` times the letter x."""

    key: str
    size: int
    storage_class: str


@dataclass(frozen=True, kw_only=True)
class InventoryPlan:
    """
    One inventory of the soak: its bucket and what goes wrong.

    :param bucket: full name
    :param objects: that it holds
    :param faults: in the order in which they meet requests
    :param delivery: one of the kinds of deliveries, or empty for one without a fault
    :param looks_in_vain: after so many the report is delivered
    """

    bucket: str
    objects: tuple[SourceObject, ...]
    faults: tuple[PlannedFault, ...]
    delivery: str
    looks_in_vain: int


def plan_soak(*, inventories: int, seed: int) -> list[InventoryPlan]:
    """Return the plan of each inventory, by map index."""
    return [_plan(index, random.Random(f"{seed} {index}")) for index in range(inventories)]


def _plan(index: int, rng: random.Random) -> InventoryPlan:
    name = f"soak-{index:04}"
    delivery = rng.choice((*_DELIVERIES, "", ""))
    return InventoryPlan(
        bucket=f"{name}-{APPID}",
        objects=tuple(_objects(rng)),
        faults=(
            *_delivery_faults(delivery, name),
            *_post_faults(rng, name),
            *_head_faults(rng, index),
            *_get_faults(rng, name),
        ),
        delivery=delivery,
        looks_in_vain=rng.randint(5, 8) if delivery == LATE else rng.randint(0, 2),
    )


def _objects(rng: random.Random) -> Iterable[SourceObject]:
    for number in range(rng.randint(1, 20)):
        yield SourceObject(
            key=f"{number:02}/{rng.choice(_NAMES)}",
            size=rng.choice((0, rng.randint(1, 100), rng.randint(101, 5000))),
            storage_class=rng.choice(_STORAGE_CLASSES),
        )


def _delivery_faults(delivery: str, name: str) -> Iterable[PlannedFault]:
    # Stands before every other fault on these keys: a look that met another one first could take the report for
    # whole, and the manifest would be gone when it is read.
    if delivery == CHECKSUM_FIRST:
        yield _fault(delivery, action="GetObject", key=f"/{name}/.*/manifest.json$", code="NoSuchKey", times=2)
    elif delivery == MANIFEST_FIRST:
        yield _fault(delivery, action="DeliverReport", key=f"/{name}/.*/manifest.checksum$", drop=True)
    elif delivery == MISMATCH:
        yield _fault(delivery, action="DeliverReport", key=f"/{name}/.*/manifest.json$", corrupt_at=0)


def _post_faults(rng: random.Random, name: str) -> Iterable[PlannedFault]:
    kinds = [(kind, _POST[kind]) for kind in rng.sample(list(_POST), rng.choice((0, 1, 1, 2, 3)))]
    if rng.random() < 0.15:
        kinds.append((_UNANSWERED_ATTEMPT, {"status": 500, "handle": True}))
        kinds.append((_UNANSWERED_ATTEMPT, {"status": 500, "times": CLIENT_TRIES - 1}))
    elif rng.random() < 0.2:
        last = rng.choice(list(_LAST_POST))
        kinds.append((last, _LAST_POST[last]))
    for kind, parameters in kinds:
        yield _fault(kind, method="POST", action="PostBucketInventory", bucket=f"{name}-{APPID}", **parameters)


def _head_faults(rng: random.Random, index: int) -> Iterable[PlannedFault]:
    # All ask for the one destination. The n-th inventory's fault meets the n-th request at the earliest, so that no
    # task meets many of them.
    if rng.random() < 0.4:
        kind = rng.choice(list(_HEAD))
        yield _fault(kind, method="HEAD", bucket=DESTINATION, nth=index + 1, **_HEAD[kind])


def _get_faults(rng: random.Random, name: str) -> Iterable[PlannedFault]:
    for kind in rng.sample(list(_GET), rng.choice((0, 1, 1, 2, 3))):
        yield _fault(kind, method="GET", key=f"/{name}/", nth=rng.randint(1, 5), **_GET[kind])
    if rng.random() < 0.2:
        cut_after = rng.randint(1, 60)
        yield _fault(_CUT_DOWNLOAD, method="GET", key=f"/{name}/.*csv.gz$", nth=rng.randint(1, 2), cut_after=cut_after)


def _fault(kind: str, **parameters: Any) -> PlannedFault:
    return PlannedFault(kind=kind, parameters=parameters)
