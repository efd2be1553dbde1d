# SPDX-License-Identifier: Apache-2.0
"""COS over the wire: a blocking client for workers, an asynchronous one for the triggerer.

Imports inventory and the HTTP libraries, but no Airflow. Begin with client.py, which collects the calls, or
async_client.py.
"""
