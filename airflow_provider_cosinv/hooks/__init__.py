# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection becomes a COS client; values in, values out.

Imports processing, cos, inventory and Airflow. Begin with cos_inventory.py; the calls that need the extra are in
table_calls.py.
"""
