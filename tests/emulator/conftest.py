# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from airflow_provider_cosinv.emulator import COSEmulator, EmulatorSettings
from tests.emulator.client import Caller

_numbers = count()


@pytest.fixture(scope="session")
def _shared() -> Iterator[COSEmulator]:
    with COSEmulator(settings=EmulatorSettings(post_rate=0)) as emulator:
        yield emulator


@pytest.fixture
def cos(_shared: COSEmulator) -> Iterator[COSEmulator]:
    """One emulator for all tests; each has buckets of its own, no faults and the right time."""
    yield _shared
    _shared.clear_faults()
    _shared.set_clock_offset(0)


@pytest.fixture
def call(cos: COSEmulator) -> Caller:
    return Caller(cos)


@pytest.fixture
def bucket(cos: COSEmulator) -> str:
    name = f"source{next(_numbers)}-1250000000"
    cos.create_bucket(name)
    return name


@pytest.fixture
def destination(cos: COSEmulator) -> str:
    name = f"reports{next(_numbers)}-1250000000"
    cos.create_bucket(name)
    return name
