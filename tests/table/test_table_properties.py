# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes: the table has the rows of the record reader, or the same error."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.inventory.strategies import damaged
from tests.support.examples import examples
from tests.table.odd_rows import COLUMNS, USUAL, VALUES
from tests.table.tables import in_any_order, records_of, row_of, table_of

ALL = "SELECT * REPLACE (epoch_us(LastModifiedDate) AS LastModifiedDate) FROM inventory"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as opened:
        yield opened


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_odd_text = st.text(st.sampled_from("ab01%2F+,\"\n\r \t清&=;'\\#"), max_size=6)
Style: TypeAlias = Callable[[str], str]
_STYLES: list[Style] = [
    quoted,
    str,
    lambda text: " " + text,
    lambda text: " " + quoted(text),
    lambda text: quoted(text) + " ",
]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Some rows near the dialect, in which a few things are odd."""
    style = draw(st.sampled_from(_STYLES[:2]))
    comma = draw(st.sampled_from([",", ",", ", "]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        values = dict(USUAL)
        for _ in range(draw(st.integers(0, 2))):
            column, text, _ = draw(st.sampled_from(VALUES))
            values[column] = draw(st.just(text) | _odd_text)
        fields = [style(value) for value in values.values()]
        if not draw(st.integers(0, 5)):
            place = draw(st.integers(0, len(fields) - 1))
            fields[place] = draw(st.sampled_from(_STYLES))(list(values.values())[place])
        if not draw(st.integers(0, 15)):
            fields = draw(st.sampled_from([fields[:-1], [*fields, "x"], [*fields, ""], []]))
        lines.append(
            comma.join(fields) + (newline if draw(st.integers(0, 15)) else draw(st.sampled_from(["\n", "\r", ""])))
        )
    text = "".join(lines).encode()
    return text if draw(st.integers(0, 2)) else draw(damaged(text))


@examples(30, suppress_health_check=[HealthCheck.too_slow])
@given(text=files())
def test_the_table_reads_any_bytes_as_the_record_reader_does(engine: Engine, text: bytes) -> None:
    body = gzip.compress(text, 1)
    found = records_of(body, COLUMNS)
    if isinstance(found, COSInventoryCorruptReportError):
        with pytest.raises(COSInventoryCorruptReportError) as raised:
            table_of(engine, [body], columns=COLUMNS).fetch(ALL, max_rows=99)
        assert str(raised.value) == str(found)
        return
    table = table_of(engine, [body], columns=COLUMNS, rows=len(found))
    rows = table.fetch(ALL, max_rows=99).rows
    assert in_any_order(rows) == in_any_order(row_of(record, COLUMNS) for record in found)
    assert table.fetch("SELECT count(*) AS n FROM inventory", max_rows=9).rows == [{"n": len(found)}]
