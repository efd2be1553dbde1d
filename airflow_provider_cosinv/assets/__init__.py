# SPDX-License-Identifier: Apache-2.0
"""URIs and events of Airflow Assets that stand for buckets and reports.

Imports inventory. Begin with cos.py.
"""
