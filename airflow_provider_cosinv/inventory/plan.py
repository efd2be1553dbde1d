# SPDX-License-Identifier: Apache-2.0
"""What DuckDB tells of a statement before it runs it."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_cosinv.inventory.relation import Plan

# In DuckDB 2, and before.
_SCANS = ("PYTHON_ARROW_SCAN", "ARROW_SCAN")


def scans(plan: Plan) -> int:
    """Return how often a plan scans the feed; what a recursive query has counts twice: it is scanned repeatedly."""
    name = plan.get("name", "").strip()
    below = sum(scans(child) for child in plan.get("children", ()))
    return int(name in _SCANS) + below * (2 if name == "REC_CTE" else 1)


def fields_scanned(plan: Plan) -> Iterator[str]:
    """Yield the names of the fields that a plan reads of the feed."""
    if plan.get("name", "").strip() in _SCANS:
        fields = plan.get("extra_info", {}).get("Projections", [])
        yield from [fields] if isinstance(fields, str) else fields
    for child in plan.get("children", ()):
        yield from fields_scanned(child)
