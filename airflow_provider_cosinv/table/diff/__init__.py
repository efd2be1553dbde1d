# SPDX-License-Identifier: Apache-2.0
"""Two reports compared.

Imports table. Begin with diff_table.py.
"""
