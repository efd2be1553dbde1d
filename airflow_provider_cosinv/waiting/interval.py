# SPDX-License-Identifier: Apache-2.0
"""
How long until the next look.

A report takes minutes for a small bucket and days for a large one: the longer a wait has taken, the less it matters to
see the report a little later.
"""

from __future__ import annotations

# A report is seen late by a twentieth of the time that the wait took, at most.
_SHARE_OF_AGE = 20
_TIMES_FLOOR = 10
_LONGEST = 600.0


def interval_at(age: float, *, floor: float, cap: float | None = None) -> float:
    """
    Return the seconds between two looks.

    It is a twentieth of the age, but no less than the floor and no more than ten times the floor, ten minutes, or
    the cap.

    :param age: of the wait, seconds
    :param floor: ``poke_interval`` or ``poll_interval``, seconds
    :param cap: seconds; ``max_wait`` of a sensor
    """
    longest = min(_TIMES_FLOOR * floor, _LONGEST) if cap is None else cap
    return max(floor, min(age / _SHARE_OF_AGE, longest))
