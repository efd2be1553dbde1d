# SPDX-License-Identifier: Apache-2.0
"""``cos://`` for Airflow's ``ObjectStoragePath``.

Imports hooks, processing, fsspec and universal_pathlib. Begin with cos.py, which makes the filesystem.
"""
