# SPDX-License-Identifier: Apache-2.0
"""Links from a task to the COS console.

Imports processing and Airflow. Begin with cos.py.
"""
