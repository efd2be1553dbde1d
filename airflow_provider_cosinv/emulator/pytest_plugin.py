# SPDX-License-Identifier: Apache-2.0
"""
A pytest fixture for everybody's tests.

In ``conftest.py``: ``pytest_plugins = ["airflow_provider_cosinv.emulator.pytest_plugin"]``. Then::

    def test_report(cos_emulator):
        cos_emulator.create_bucket("examplebucket-1250000000")

A test that needs other settings starts a :class:`~airflow_provider_cosinv.emulator.COSEmulator` of its own, or
overrides the fixture ``cos_emulator_settings``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_cosinv.emulator import COSEmulator, EmulatorSettings


@pytest.fixture
def cos_emulator_settings() -> EmulatorSettings:
    """Return how the emulator of :func:`cos_emulator` behaves: as COS, but without a limit of POSTs per second."""
    return EmulatorSettings(post_rate=0)


@pytest.fixture
def cos_emulator(cos_emulator_settings: EmulatorSettings) -> Iterator[COSEmulator]:
    """Yield a running emulator without buckets."""
    with COSEmulator(settings=cos_emulator_settings) as emulator:
        yield emulator
