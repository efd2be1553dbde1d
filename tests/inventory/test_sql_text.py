# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import duckdb
import pytest

from airflow_provider_cosinv.inventory.queries.sql_text import identifier, literal


@pytest.mark.parametrize("text", ["", "it's", "''", "\\", 'a"b', "清单 %", "\0", "a\0b''\0", "-- no comment", "a\nb"])
def test_a_text_means_itself(text: str) -> None:
    assert duckdb.execute(f"SELECT {literal(text)} WHERE {literal(text)} >= ''").fetchall() == [(text,)]


@pytest.mark.parametrize("name", ["Key", "x-cos-meta-a", 'a"b', "from", "it's", "名"])
def test_a_name_means_itself(name: str) -> None:
    found = duckdb.execute(f"SELECT {identifier(name)} FROM (SELECT 1 AS {identifier(name)})")
    assert found.fetchall() == [(1,)]
    assert found.description[0][0] == name
