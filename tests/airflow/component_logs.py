# SPDX-License-Identifier: Apache-2.0
"""What Airflow's components write to their logs, and what of it must not be there."""

from __future__ import annotations

import re
from collections.abc import Iterable

WARNING_OF_OURS = re.compile(r"\[(?:warning|error|critical) *\].*\bairflow_provider_cosinv[./]")
TRACEBACK = "Traceback (most recent call last)"


def troubles(lines: Iterable[str]) -> list[str]:
    """The lines that begin a traceback, or are a warning or worse that this package has logged or caused."""
    return [line for line in lines if TRACEBACK in line or WARNING_OF_OURS.search(line)]
