# SPDX-License-Identifier: Apache-2.0
"""What is said to COS and what it answers, without I/O: URLs, signatures, operations, responses, retry policies.

Imports inventory. Begin with operations.py and responses.py.
"""
