# SPDX-License-Identifier: Apache-2.0
"""The HTTP API of the emulator: authentication, faults, and a handler for each operation.

Imports storage and inventories. Begin with app.py, then request_handling.py.
"""
