# SPDX-License-Identifier: Apache-2.0
"""What DuckDB tells of a statement: its plan before, its profile after."""

from __future__ import annotations

from airflow_provider_cosinv.inventory.relation import Plan


def scans(plan: Plan) -> int:
    """Return how often a plan scans CSV; what a recursive query has counts twice: it is scanned again and again."""
    name = plan.get("name", "").strip()
    below = sum(scans(child) for child in plan.get("children", ()))
    return int(name == "READ_CSV") + below * (2 if name == "REC_CTE" else 1)


def rows_scanned(profile: Plan) -> int:
    """Return the rows that the scans of CSV of a statement read."""
    return _rows({"children": profile["operator" if "operator" in profile else "children"]})


def _rows(operator: Plan) -> int:
    own = 0
    if operator.get("extra_info", {}).get("Function") == "READ_CSV":
        # DuckDB 2; DuckDB 1.5, whose scans of CSV filter nothing.
        own = operator["rows_scanned"] if "rows_scanned" in operator else operator["operator_cardinality"]
    return own + sum(_rows(child) for child in operator.get("children", ()))
