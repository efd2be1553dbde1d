# SPDX-License-Identifier: Apache-2.0
"""
A local Tencent Cloud COS that really takes inventories.

From the command line: ``python -m airflow_provider_cosinv.emulator --help``. In a test: :class:`COSEmulator` as a
context manager, or the fixture ``cos_emulator`` of :mod:`.pytest_plugin`. While it runs: :mod:`.control`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
    from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings, ReportDialect

__all__ = ["COSEmulator", "Delivery", "EmulatorSettings", "ReportDialect"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: the server's libraries take a while."""
    if name == "COSEmulator":
        from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator

        return COSEmulator
    if name in __all__:
        from airflow_provider_cosinv.emulator import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
