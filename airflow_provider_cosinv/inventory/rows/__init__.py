# SPDX-License-Identifier: Apache-2.0
"""The rows of a data file: verified bytes, lines, CSV fields, records.

Imports the standard library and inventory. Begin with record_reader.py.
"""
