# SPDX-License-Identifier: Apache-2.0
"""How many examples Hypothesis tries: few in ``make test``, many in ``make integration`` (``tests/conftest.py``)."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

_THOROUGH = 100


def examples(number: int, **others: Any) -> settings:
    """
    Return settings with so many examples in the thorough profile and fewer, in proportion, in the quick one.

    :param number: of examples, for a test whose examples are much cheaper or dearer than others
    :param others: more settings of Hypothesis
    """
    return settings(max_examples=max(1, number * settings().max_examples // _THOROUGH), **others)
