# SPDX-License-Identifier: Apache-2.0
"""The figures, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.waiting.case import Load, Outcome

TITLES = {"triggers": "**this package**", "threads": "SDK `head_object` in threads", "sleep": "`asyncio.sleep` alone"}

KINDS = {
    "honest": "100,000 data files",
    "objects": "millions of small objects",
    "levels": "millions of levels",
    "members": "millions of members",
    "spaces": "spaces alone",
}


def as_markdown(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Return the lines of the tables."""
    head = "| | polls/s | CPU µs per poll | % of a core | loop lag p99 ms | most | by own work p99 | most |"
    yield from [
        "**Polls spread over the interval**",
        "",
        head + " MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way, outcome in outcomes.items():
        yield f"| {TITLES[way]} | {_cells(outcome.steady)} | {outcome.mib:.0f} |"
    yield from ["", "**All polls due at once**", "", head, "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for way, outcome in outcomes.items():
        if outcome.herd:
            yield f"| {TITLES[way]} | {_cells(outcome.herd)} |"
    ours = outcomes.get("triggers")
    if ours and ours.signing is not None and ours.http is not None:
        rest = ours.steady.cpu_per_poll - ours.signing - ours.http
        yield from ["", "| a poll of this package | CPU µs |", "|---|---:|"]
        yield f"| signature | {ours.signing:.0f} |"
        yield f"| request and answer over TLS, aiohttp alone | {ours.http:.0f} |"
        yield f"| the rest: connection's settings, answer, what it means, pacing | {rest:.0f} |"


def goals(outcomes: Mapping[str, Outcome], *, waits: int) -> Iterator[str]:
    """Return a row for each goal that was measured."""
    yield from ["| goal | wanted | measured |", "|---|---|---:|"]
    ours, theirs = outcomes.get("triggers"), outcomes.get("threads")
    if not ours:
        return
    yield _goal(f"{waits:,} waits, % of a core", 10, ours.steady.share)
    yield _goal(f"{waits:,} waits, MiB above the bare process", 120, ours.mib)
    yield _goal("loop lag p99 ms, polls spread", 200, 1000 * ours.steady.lag_p99)
    if ours.herd:
        yield _goal("loop lag p99 ms, all polls due at once", 200, 1000 * ours.herd.lag_p99)
    for kind, seconds in ours.stands.items():
        yield _goal(f"the loop stands still at most ms, a watcher reads a manifest: {KINDS[kind]}", 100, 1000 * seconds)
    if theirs:
        ratio = ours.steady.cpu_per_poll / theirs.steady.cpu_per_poll
        yield _goal("CPU per poll, in those of the SDK in threads", 1 / 3, ratio)


def _cells(load: Load) -> str:
    per_poll = f"{load.cpu_per_poll:.0f}" if load.polls else ""
    lags = " | ".join(f"{1000 * seconds:.0f}" for seconds in (load.lag_p99, load.lag_max, load.work_p99, load.work_max))
    return f"{load.per_second:.0f} | {per_poll} | {load.share:.1f} | {lags}"


def _goal(what: str, wanted: float, measured: float) -> str:
    return f"| {what} | under {wanted:.3g} | {measured:.3g}{'' if measured < wanted else ', **not met**'} |"
