# SPDX-License-Identifier: Apache-2.0
"""The benchmark of waits, small: its parts work together, and what it prints is what it measured."""

from __future__ import annotations

import pytest

from benchmarks.waiting.case import Load, Outcome
from benchmarks.waiting.figures import KINDS, as_markdown, goals
from benchmarks.waits import measure

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def outcomes():
    return measure(["triggers", "threads", "sleep"], waits=20, interval=0.5, seconds=1, megabytes=1)


def test_each_way_polls_and_is_measured(outcomes):
    for way in ("triggers", "threads"):
        outcome = outcomes[way]
        assert outcome.steady.polls >= 20
        assert outcome.herd.polls >= 20
        assert outcome.steady.cpu > 0
        assert outcome.held > 0
    assert outcomes["sleep"].steady.polls == 0
    assert 0 < outcomes["triggers"].signing < outcomes["triggers"].http
    assert set(outcomes["triggers"].stands) == set(KINDS)


def test_the_tables_have_a_row_for_each_way(outcomes):
    printed = "\n".join(as_markdown(outcomes))
    assert printed.count("| **this package** |") == printed.count("| SDK `head_object` in threads |") == 2
    assert printed.count("| `asyncio.sleep` alone |") == 1
    assert "| signature |" in printed


def test_a_goal_that_is_not_met_is_told():
    def outcome(cpu, lag):
        load = Load(polls=100, wall=10, cpu=cpu, lag_p99=lag, lag_max=1, work_p99=lag, work_max=1)
        return Outcome(steady=load, herd=load, bare=0, held=50 << 20)

    lines = list(goals({"triggers": outcome(0.3, 0.01), "threads": outcome(0.6, 0.01)}, waits=10_000))
    assert "| 10,000 waits, % of a core | under 10 | 3 |" in lines
    assert "| CPU per poll, in those of the SDK in threads | under 0.333 | 0.5, **not met** |" in lines
    assert all("**not met**" not in line for line in lines[:-1])


def test_a_way_that_fails_ends_the_command(capfd):
    with pytest.raises(RuntimeError, match="nothing failed"):
        measure(["nothing"], waits=1, interval=0.1, seconds=0.1)
    assert "KeyError" in capfd.readouterr().err
