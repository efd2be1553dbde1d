# SPDX-License-Identifier: Apache-2.0
"""From a report to a result, without Airflow.

Takes values (source, question, result, clients, settings) and returns values. Imports table, cos and inventory. Begin
with query.py.
"""
