# SPDX-License-Identifier: Apache-2.0
"""
What ``python -m benchmarks.table`` measures side by side; one module for each rival.

A module has a function for each work that it can do, named after the work, which takes a :class:`Task`. The heavy
libraries are imported with the module: the clock starts behind that.
"""

from __future__ import annotations
