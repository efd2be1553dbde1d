# SPDX-License-Identifier: Apache-2.0
"""
Ready-made queries: their names and arguments, and the SQL that they become.

Imports the standard library and inventory; needs no extra. Begin with catalogue.py.
"""

from __future__ import annotations

from airflow_provider_cosinv.inventory.queries.catalogue import READY_QUERIES, ReadyQuery, ready_query

__all__ = ["READY_QUERIES", "ReadyQuery", "ready_query"]
