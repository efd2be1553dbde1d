# SPDX-License-Identifier: Apache-2.0
"""Whether a report has the rows that it says is known to whatever statement reads the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from tests.table.tables import BUCKET, MANIFEST, opened, some_rows, table_of

# More than DuckDB takes in one go, so that a scan can end in the middle.
ROWS = 5000
BODIES = [some_rows(ROWS, prefix="a"), some_rows(ROWS, prefix="b")]
READ_ALL = (
    "SELECT count(*) FROM inventory",
    "SELECT count(*) FROM inventory_encoded",
    "SELECT sum(Size) FROM inventory",
    "SELECT count(*) FROM inventory WHERE Size > 1000",
    "SELECT count(*) FROM inventory WHERE Key = 'a/5'",
    "SELECT count(*) FROM inventory WHERE Size > (SELECT 8)",
    "SELECT min(Key), max(Key) FROM inventory",
    "SELECT Key FROM inventory ORDER BY Size DESC, Key LIMIT 3",
    "SELECT DISTINCT Size FROM inventory",
    "WITH sized AS (SELECT Size FROM inventory) SELECT max(Size) FROM sized",
    "WITH kept AS MATERIALIZED (FROM inventory) SELECT (SELECT count(*) FROM kept), (SELECT max(Size) FROM kept)",
    "SELECT 1 UNION ALL SELECT count(*) FROM inventory",
    "SELECT count(*) FROM inventory UNION ALL SELECT sum(Size) FROM inventory",
    "SELECT count(*) FROM inventory AS a JOIN inventory AS b ON a.Key = b.Key",
    "SELECT count(*) FROM inventory JOIN (SELECT range + 1000 AS Size FROM range(3)) USING (Size)",
    "SELECT count(*) FROM inventory SEMI JOIN (SELECT 5 AS Size) USING (Size)",
    "SELECT x, (SELECT count(*) FROM inventory AS i WHERE i.Size > x) FROM range(3) t(x)",
    "SELECT first(Key) FROM inventory",
    "SELECT count(*) FROM (FROM inventory OFFSET 10)",
    "SELECT count(*) FROM inventory USING SAMPLE 10 ROWS",
)
STOP_EARLY = (
    "SELECT Key FROM inventory LIMIT 3",
    "SELECT Key FROM inventory WHERE Size = 9 LIMIT 3",
    "SELECT EXISTS (FROM inventory)",
    "SELECT count(*) FROM (FROM inventory LIMIT 10)",
)
READ_NOTHING = (
    "SELECT Key FROM inventory WHERE false",
    "SELECT count(*) FROM inventory WHERE NULL",
    "SELECT 5",
    "SELECT count(*) FROM inventory JOIN (SELECT 5 AS Size WHERE false) USING (Size)",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as opened:
        yield opened


@pytest.mark.parametrize("sql", READ_ALL + STOP_EARLY + READ_NOTHING)
def test_a_right_report_is_never_refused(engine: Engine, sql: str) -> None:
    table_of(engine, BODIES, rows=2 * ROWS).fetch(sql, max_rows=100)


@pytest.mark.parametrize(
    ("sql", "said"), [(sql, 2 * ROWS + 1) for sql in READ_ALL + STOP_EARLY] + [(READ_ALL[0], 1), (READ_ALL[0], 0)]
)
def test_a_report_of_more_or_fewer_rows_is_refused(engine: Engine, sql: str, said: int) -> None:
    table = table_of(engine, BODIES, rows=said)
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        table.fetch(sql, max_rows=100)
    assert raised.value.message == f"The data files have {2 * ROWS} rows, the manifest says {said}."
    assert (raised.value.bucket, raised.value.key) == (BUCKET, MANIFEST)


def test_a_saved_result_is_counted_too(tmp_path) -> None:
    with opened(BODIES, rows=2 * ROWS + 1) as table, pytest.raises(COSInventoryCorruptReportError, match="rows"):
        table.save("SELECT Key FROM inventory", tmp_path / "keys.parquet", options="FORMAT parquet")


def test_a_part_of_the_files_is_not_counted(engine: Engine) -> None:
    whole = table_of(engine, BODIES, rows=2 * ROWS + 1)
    part = table_of(engine, BODIES, rows=2 * ROWS + 1, files=whole.files[:1])

    assert part.fetch("SELECT count(*) AS n FROM inventory", max_rows=1).rows == [{"n": ROWS}]


def test_a_manifest_that_says_no_count_is_taken() -> None:
    with opened(BODIES, rows=None) as table:
        assert table.fetch("SELECT count(*) AS n FROM inventory", max_rows=1).rows == [{"n": 2 * ROWS}]


@pytest.mark.parametrize("said", [0, 3])
def test_a_report_without_files_has_no_rows(said: int) -> None:
    with opened([], rows=said) as table:
        if said:
            with pytest.raises(COSInventoryCorruptReportError, match="have 0 rows"):
                table.fetch("FROM inventory", max_rows=9)
        else:
            assert table.fetch("FROM inventory", max_rows=9).rows == []


def test_a_recursive_query_may_scan_the_report_again_and_again() -> None:
    sql = (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT max(Size) FROM inventory))"
        " SELECT count(*) AS n FROM r"
    )
    with opened(BODIES, rows=2 * ROWS) as table:
        assert table.fetch(sql, max_rows=9).rows == [{"n": 9}]


def test_one_table_takes_many_statements() -> None:
    count = "SELECT count(*) AS n FROM inventory"
    twice = "SELECT count(*) AS n FROM inventory AS a JOIN inventory_encoded AS b ON a.Key = decode_key(b.Key)"
    with opened(BODIES, rows=2 * ROWS) as table:
        assert [table.fetch(sql, max_rows=9).rows[0]["n"] for sql in (count, twice, count)] == [2 * ROWS] * 3
