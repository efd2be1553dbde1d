# SPDX-License-Identifier: Apache-2.0
"""The figures that the documents quote, each a command."""
