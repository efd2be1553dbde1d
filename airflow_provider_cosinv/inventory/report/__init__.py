# SPDX-License-Identifier: Apache-2.0
"""A report: where COS puts it, how it is found, its checksum and its manifest.

Imports the standard library and inventory. Begin with search.py and manifest.py.
"""
