# SPDX-License-Identifier: Apache-2.0
"""The wait for a report, for worker and triggerer alike: outcome, progress in the log, pacing of polls.

Imports hooks, cos and inventory. Begin with outcome.py.
"""
