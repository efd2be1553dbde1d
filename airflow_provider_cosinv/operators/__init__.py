# SPDX-License-Identifier: Apache-2.0
"""Submit inventories, set up periodic ones."""
