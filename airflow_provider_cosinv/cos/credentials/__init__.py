# SPDX-License-Identifier: Apache-2.0
"""Credentials: a stored key, or a provider that issues temporary ones, which are shared and renewed.

Imports cos.network and cos.checks; only cam.py imports Tencent's library. Begin with provider.py.
"""
