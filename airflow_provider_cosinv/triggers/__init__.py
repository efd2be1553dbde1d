# SPDX-License-Identifier: Apache-2.0
"""Wait for reports, in the triggerer."""
