# SPDX-License-Identifier: Apache-2.0
"""A folder is a folder: one named like a column is none, and one named like a pattern is not looked for."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_cosinv.inventory import Manifest
from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.diff.diff_table import DiffSide, DiffTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.parquet.read_parquet import exactly, parquet_table
from airflow_provider_cosinv.table.selection.writer import InventoryLocation, write_inventory
from tests.table.tables import COLUMNS, chunked, report_of

LIKE_COLUMNS = "bucket=photos/size=9/dt=2026-10-01/attempt=3"
BODY = gzip.compress(b"1250000000,b,a/1,1\n1250000000,b,a/2,2\n1250000000,b,c/3,3\n")
REPORT = report_of([BODY], rows=3)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    folder = tmp_path / "temporary" / LIKE_COLUMNS
    folder.mkdir(parents=True)
    with open_engine(EngineSettings(threads=2, temp_directory=str(folder))) as opened:
        yield opened


def table(engine: Engine, body: bytes = BODY, report: Manifest = REPORT) -> ReportTable:
    return ReportTable(engine=engine, report=report, open_file=lambda _: chunked(body))


def part(engine: Engine, folder: Path, body: bytes = BODY) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    file = DataFile("reports/0.csv.gz", len(body), hashlib.md5(body).hexdigest())
    report = Manifest(**{**vars(REPORT), "files": (file,), "matched_objects": None})
    table(engine, body, report).save_part(folder / "part.parquet")
    return str(folder / "part.parquet")


def test_parts_in_them_have_the_columns_and_values_that_are_in_them(engine: Engine, tmp_path: Path) -> None:
    paths = [part(engine, tmp_path / LIKE_COLUMNS)]
    with open_engine(EngineSettings(threads=2), inputs=paths) as reading:
        parts = PartsTable(engine=reading, paths=paths)

        assert parts.columns == COLUMNS
        assert parts.fetch("SELECT Bucket, sum(Size) AS s FROM inventory GROUP BY 1", max_rows=9).rows == [
            {"Bucket": "b", "s": 6}
        ]
        deep = parts.at_depth(1)
        assert deep is None or parts.fetch(f"SELECT sum(Size) AS s FROM {deep}", max_rows=1).rows == [{"s": 6}]


def test_a_difference_of_such_parts_is_right(engine: Engine, tmp_path: Path) -> None:
    before = part(engine, tmp_path / "before" / LIKE_COLUMNS)
    after = part(engine, tmp_path / "after" / LIKE_COLUMNS, gzip.compress(b"1250000000,b,a/1,1\n1250000000,b,new,5\n"))
    sides = [DiffSide(("Key", "Size"), (path,)) for path in (before, after)]

    path = tmp_path / "diff.csv"
    settings = EngineSettings(threads=2, temp_directory=str(engine.folder.parent))
    with open_engine(settings, inputs=[before, after]) as comparing:
        table = DiffTable(engine=comparing, previous=sides[0], current=sides[1])
        counts = table.counts()
        table.save("FROM diff", path, options="FORMAT csv, HEADER")

    assert (counts.added, counts.added_bytes, counts.removed, counts.removed_bytes) == (1, 5, 2, 5)
    assert path.read_text().splitlines()[0] == "change,Key,OldSize,NewSize"


def test_a_temporary_directory_of_such_a_name_changes_no_copy(engine: Engine) -> None:
    found = table(engine).fetch(
        "SELECT sum(a.Size) AS s, min(b.Bucket) AS b FROM inventory a JOIN inventory b USING (Key)", max_rows=1
    )
    assert found.rows == [{"s": 6, "b": "b"}]


def test_a_temporary_directory_of_such_a_name_changes_no_selection(engine: Engine, tmp_path: Path) -> None:
    location = InventoryLocation(bucket="lists-1250000000", prefix=None, inventory_id="some", date="20261001")

    written = write_inventory(table(engine), "Size > 1", tmp_path / "selection", report=REPORT, location=location)

    data, _ = written.files[0]
    assert gzip.decompress(data.read_bytes()).decode().splitlines() == [
        '"1250000000","b","a/2","2"',
        '"1250000000","b","c/3","3"',
    ]
    assert written.manifest.matched_bytes == 5


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("name", ["x*", "x?", "x[1]", "x[1", "[x]", "x]"])
def test_a_part_is_found_by_its_name_and_no_other_with_it(
    engine: Engine, tmp_path: Path, name: str, scheme: str
) -> None:
    path = part(engine, tmp_path / name)
    for sibling in ("x", "x1", "xy"):
        part(engine, tmp_path / sibling, gzip.compress(b"1250000000,b,other,100\n"))

    given = f"{scheme}{path}"
    with open_engine(EngineSettings(threads=2), inputs=[given]) as reading:
        parts = PartsTable(engine=reading, paths=[given])

        assert parts.fetch("SELECT sum(Size) AS s FROM inventory", max_rows=1).rows == [{"s": 6}]
        side = DiffSide(("Key", "Size"), (given,))
        counts = DiffTable(engine=reading, previous=side, current=side).counts()
    assert (counts.added, counts.removed, counts.changed, counts.unchanged) == (0, 0, 0, 3)
    assert pq.read_metadata(path).num_rows == 3


def test_a_url_is_no_pattern() -> None:
    assert exactly("cos://b-1250000000/x[1]*?.parquet") == "cos://b-1250000000/x[1]*?.parquet"
    assert "row_number = true" in parquet_table(["/a"], row_numbers=True)
