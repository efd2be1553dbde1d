# SPDX-License-Identifier: Apache-2.0
"""What DuckDB tells of a statement before it runs it, or after."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from airflow_provider_cosinv.table.relation import Plan

# In DuckDB 2, and before.
_SCANS = ("PYTHON_ARROW_SCAN", "ARROW_SCAN")
_FIELD = re.compile(r"\b[cf]\d+\b")


def scans(plan: Plan) -> int:
    """Return how often a plan scans the feed; what a recursive query has counts twice: it is scanned repeatedly."""
    name = plan.get("name", "").strip()
    below = sum(scans(child) for child in plan.get("children", ()))
    return int(name in _SCANS) + below * (2 if name == "REC_CTE" else 1)


def fields_scanned(plan: Plan) -> Iterator[str]:
    """Yield the names of the fields that a plan reads of the feed, and of some that a filter's text may mean."""
    if plan.get("name", "").strip() in _SCANS:
        details = plan.get("extra_info", {})
        # DuckDB before 2 filters in the scan, and does not name again what it reads for that alone.
        for read in ("Projections", "Filters"):
            texts = details.get(read, [])
            for text in [texts] if isinstance(texts, str) else texts:
                yield from _FIELD.findall(text)
    for child in plan.get("children", ()):
        yield from fields_scanned(child)


def rows_joined(profile: str) -> int | None:
    """
    Return how many rows the one hash join of a statement gave.

    :param profile: what ``EXPLAIN (ANALYZE, FORMAT JSON)`` says of the statement
    :return: None if it has not one hash join, or is of a form that is not known
    """
    joins = [operator for operator in _operators(json.loads(profile)) if operator.get("type") == "HASH_JOIN"]
    rows = joins[0].get("intermediate_rows") if len(joins) == 1 else None
    return rows if isinstance(rows, int) else None


def _operators(found: Any) -> Iterator[dict[str, Any]]:
    """Yield the operators of a profile, with the names that DuckDB 2 has for their type and their rows."""
    if isinstance(found, list):
        for each in found:
            yield from _operators(each)
    elif isinstance(found, dict):
        # Before DuckDB 2.
        old = {"type": found.get("operator_type"), "intermediate_rows": found.get("operator_cardinality")}
        yield {**old, **found}
        yield from _operators(found.get("operator"))
        yield from _operators(found.get("children"))
