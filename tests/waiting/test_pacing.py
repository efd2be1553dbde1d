# SPDX-License-Identifier: Apache-2.0
"""Who may look now: the pacer alone, and triggers that share one."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryThrottledError
from airflow_provider_cosinv.waiting import pacing
from airflow_provider_cosinv.waiting.pacing import PLACES, Pacer, first_pause, next_pause, pacer_of
from tests.support.clock import run_in_virtual_time


class Looks:
    """Looks that take a moment, with the times at which they began."""

    def __init__(self, *, seconds=0.0):
        self.seconds = seconds
        self.began = []
        self.inside = self.most = 0

    async def take(self, pacer, *, due=0.0, throttled=False):
        async with pacer.turn(due, within=600):
            self.began.append(asyncio.get_running_loop().time())
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(self.seconds)
            self.inside -= 1
            if throttled:
                raise COSInventoryThrottledError("Slow down.")


class TestThePacer:
    def test_looks_that_are_due_together_are_let_in_a_few_at_a_time(self):
        async def run():
            pacer, looks = Pacer(), Looks(seconds=0.01)
            await asyncio.gather(*(looks.take(pacer) for _ in range(4 * PLACES)))
            return looks

        looks = run_in_virtual_time(run())
        assert looks.most == PLACES
        assert len(looks.began) == 4 * PLACES

    def test_a_look_waits_until_it_is_due_and_the_earlier_goes_first(self):
        order = []

        async def look(pacer, due):
            async with pacer.turn(due, within=600):
                order.append(due)

        async def run():
            pacer = Pacer()
            await asyncio.gather(*(look(pacer, due) for due in (19, 5, 10)))
            return asyncio.get_running_loop().time()

        assert run_in_virtual_time(run()) == 19
        assert order == [5, 10, 19]

    def test_a_look_whose_turn_does_not_come_ends_with_a_time_out(self):
        async def run():
            pacer = Pacer()
            with pytest.raises(asyncio.TimeoutError):
                async with pacer.turn(60, within=0.05):
                    pass
            await Looks().take(pacer)

        run_in_virtual_time(run())

    def test_looks_that_are_cancelled_before_and_with_their_turn_leave_their_place_to_others(self):
        async def run():
            pacer, looks = Pacer(), Looks()
            early = [asyncio.create_task(looks.take(pacer, due=due)) for due in (0, 60) for _ in range(PLACES)]
            await asyncio.sleep(0)  # they stand in the queue, and half of them have been let in
            for task in early:
                task.cancel()
            await asyncio.gather(*early, return_exceptions=True)
            await asyncio.gather(*(looks.take(pacer) for _ in range(2 * PLACES)))

        run_in_virtual_time(run())

    def test_a_look_that_is_cancelled_as_its_time_ends_gives_back_no_place_that_it_never_had(self):
        async def run():
            pacer, looks = Pacer(), Looks(seconds=0.01)
            late = asyncio.create_task(looks.take(pacer, due=60))
            await asyncio.sleep(0)
            ((_, _, place),) = pacer._queue
            pacing._expire(place)
            late.cancel()
            await asyncio.gather(late, return_exceptions=True)
            await asyncio.gather(*(looks.take(pacer) for _ in range(4 * PLACES)))
            return looks

        assert run_in_virtual_time(run()).most == PLACES

    def test_a_look_that_fails_leaves_its_place_too(self):
        async def run():
            pacer = Pacer()

            async def fail():
                async with pacer.turn(0, within=60):
                    raise OSError

            await asyncio.gather(*(fail() for _ in range(2 * PLACES)), return_exceptions=True)
            await Looks().take(pacer)

        run_in_virtual_time(run())

    def test_looks_after_a_long_pause_are_gathered_and_none_is_early(self):
        async def run(pauses):
            pacer, looks = Pacer(), Looks()
            now = asyncio.get_running_loop().time()
            waits = [asyncio.create_task(looks.take(pacer, due=pause)) for pause in pauses]
            await asyncio.sleep(0)
            dues = [due - now for due, _, _ in pacer._queue]
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            return dues

        offsets = [number / 100 for number in range(40)]
        gathered = run_in_virtual_time(run([60 + offset for offset in offsets]))
        assert len(gathered) == len(offsets)
        assert len(set(gathered)) <= 2
        assert min(gathered) >= 60
        assert max(gathered) < 62
        # It would make a short pause much longer.
        assert len(set(run_in_virtual_time(run([5 + offset for offset in offsets])))) == len(offsets)


class TestThrottling:
    def test_after_it_nobody_looks_for_a_while_and_then_they_come_back_one_by_one(self):
        async def run():
            pacer, looks = Pacer(), Looks(seconds=0.25)
            with pytest.raises(COSInventoryThrottledError):
                await looks.take(pacer, throttled=True)
            over = asyncio.get_running_loop().time()
            looks.most = 0
            await asyncio.gather(*(looks.take(pacer) for _ in range(3)))
            return looks.began[1] - over, looks.began[2] - looks.began[1], looks.most

        pause, gap, most = run_in_virtual_time(run())
        assert pacing._FIRST_PAUSE <= pause <= 1.5 * pacing._FIRST_PAUSE
        assert gap == 0.25
        assert most <= 2

    def test_the_pause_doubles_up_to_a_limit_and_those_who_asked_together_count_once(self):
        async def run():
            pacer, looks = Pacer(), Looks(seconds=0.25)
            ends = []
            await asyncio.gather(*(looks.take(pacer, throttled=True) for _ in range(5)), return_exceptions=True)
            for _ in range(9):
                ends.append(asyncio.get_running_loop().time())
                await asyncio.gather(looks.take(pacer, throttled=True), return_exceptions=True)
            return [began - end for began, end in zip(looks.began[5:], ends, strict=True)]

        pauses = run_in_virtual_time(run())
        for pause, least in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
            assert least <= pause <= 1.5 * least

    def test_answers_open_the_places_again(self):
        async def run():
            pacer, looks = Pacer(), Looks(seconds=0.25)
            await asyncio.gather(looks.take(pacer, throttled=True), return_exceptions=True)
            await asyncio.gather(*(looks.take(pacer) for _ in range(PLACES)))
            looks.most = 0
            await asyncio.gather(*(looks.take(pacer) for _ in range(2 * PLACES)))
            return looks.most

        assert run_in_virtual_time(run()) == PLACES

    def test_another_bucket_is_not_slowed_down(self):
        async def run():
            slow, quick, looks = pacer_of("a-1250000000"), pacer_of("b-1250000000"), Looks()
            await asyncio.gather(looks.take(slow, throttled=True), return_exceptions=True)
            began = asyncio.get_running_loop().time()
            await looks.take(quick)
            return asyncio.get_running_loop().time() - began

        assert run_in_virtual_time(run()) == 0


def test_waits_of_one_loop_and_bucket_share_a_pacer_that_ends_with_them():
    async def run():
        first = pacer_of("a-1250000000")
        assert pacer_of("a-1250000000") is first
        assert pacer_of("b-1250000000") is not first
        del first
        return len(pacing._pacers[asyncio.get_running_loop()])

    assert run_in_virtual_time(run()) == 0


class TestPauses:
    def test_old_waits_are_spread_over_a_whole_interval_when_they_start_again(self):
        pauses = [first_pause(120, floor=60, cap=None) for _ in range(2_000)]
        assert 1 <= min(pauses) < 5
        assert 55 < max(pauses) <= 60
        quarters = [sum(15 * quarter <= pause < 15 * (quarter + 1) for pause in pauses) for quarter in range(4)]
        assert min(quarters) > 400

    def test_the_older_a_wait_is_the_wider_it_is_spread(self):
        assert max(first_pause(7200, floor=60, cap=None) for _ in range(500)) > 300

    def test_a_wait_that_has_just_begun_was_looked_for_by_its_worker(self):
        pauses = [first_pause(0.5, floor=60, cap=None) for _ in range(500)]
        assert min(pauses) >= 60
        assert max(pauses) <= 75

    def test_the_floor_is_kept_between_two_looks_and_a_little_is_drawn_at_random(self):
        pauses = {next_pause(0, floor=60, cap=None) for _ in range(500)}
        assert min(pauses) >= 60
        assert max(pauses) <= 66
        assert len(pauses) > 400
