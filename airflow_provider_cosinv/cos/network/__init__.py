# SPDX-License-Identifier: Apache-2.0
"""How a host is reached: proxy, certificates, name resolution, pace, and what a network error means.

Imports no other room of cos. Begin with route.py.
"""
