# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from benchmarks.million_objects import measure

pytestmark = pytest.mark.integration


def test_a_report_of_a_million_objects_is_read_to_its_last_record_in_bounded_memory(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", "")  # measure() sets it; this puts it back
    result = measure(objects=1_000_000, runs=1)
    assert result.objects == result.records == 1_000_000
    assert result.bytes == result.record_bytes > 0
    assert result.emulator_mib < 1024
    assert result.reader_mib < 100
