# SPDX-License-Identifier: Apache-2.0
"""
Imported by every component at its start, so that what tasks need is imported once.

Tasks, triggers and parsers of DAG files run in forks of the components. Most of these tasks would spend more time on
imports than on their work.
"""

from __future__ import annotations

from importlib import import_module

for _module in (
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.sensors.date_time",
    "airflow_provider_cosinv.cos.client",
    "airflow_provider_cosinv.operators.cos_inventory_parquet",
    "airflow_provider_cosinv.operators.cos_inventory_query",
    "airflow_provider_cosinv.operators.cos_inventory_rule",
    "airflow_provider_cosinv.sensors.cos_inventory",
    "airflow_provider_cosinv.triggers.cos_inventory",
    "airflow_provider_cosinv.triggers.cos_inventory_event",
):
    import_module(_module)

# Airflow takes no names from here.
__all__: list[str] = []
