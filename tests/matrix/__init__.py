# SPDX-License-Identifier: Apache-2.0
"""Every version of Airflow and Python that the package says it runs on: ``python -m tests.matrix``."""
