# SPDX-License-Identifier: Apache-2.0
"""Properties are held on machines of any speed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
