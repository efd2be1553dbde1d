# SPDX-License-Identifier: Apache-2.0
"""What a Parquet part is: typed, verified, in the order of the report, and readable by anybody."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError, COSInventoryTransientError
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.table.odd_rows import COLUMNS, TOGETHER, line_of
from tests.table.tables import in_any_order, opened, some_rows, table_of

ROWS = 130_000
BODIES = [some_rows(ROWS, prefix=f"{place}") for place in range(2)]


def test_a_part_has_the_types_of_the_table_and_the_order_of_each_file(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    with opened(BODIES, rows=2 * ROWS) as table:
        assert table.save_part(path) == 2 * ROWS

    file = pq.ParquetFile(path)
    assert file.schema_arrow.remove_metadata().equals(
        pa.schema([("Appid", pa.string()), ("Bucket", pa.string()), ("Key", pa.string()), ("Size", pa.int64())])
    )
    groups = [file.read_row_group(number, ["Key"])["Key"].to_pylist() for number in range(file.num_row_groups)]
    # Each is of one file, of which nothing is out of order.
    assert all(len({key[0] for key in group}) == 1 for group in groups)
    for place in "01":
        keys = [key for group in groups for key in group if key[0] == place]
        assert keys == [f"{place}/{number}" for number in range(ROWS)]
    origin = json.loads(file.metadata.metadata[b"cos_inventory"])
    assert origin["files"] == ["reports/0.csv.gz", "reports/1.csv.gz"]


def test_a_part_has_the_rows_of_the_table_however_odd_they_are(tmp_path: Path) -> None:
    bodies = [gzip.compress(line_of(column, text)) for column, text, _ in TOGETHER]
    path = tmp_path / "part.parquet"
    sql = "SELECT * REPLACE (epoch_us(LastModifiedDate) AS LastModifiedDate) FROM"
    with open_engine(EngineSettings(threads=2), inputs=[str(path)]) as engine:
        table = table_of(engine, bodies, columns=COLUMNS, rows=len(bodies))
        table.save_part(path)
        expected = table.fetch(f"{sql} inventory", max_rows=1000).rows
        found = table.fetch(f"{sql} read_parquet('{path}')", max_rows=1000).rows

    assert in_any_order(found) == in_any_order(expected)


def test_a_report_without_rows_makes_a_part_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    with opened([], rows=0) as table:
        assert table.save_part(path) == 0

    assert pq.read_table(path).num_rows == 0


@pytest.mark.parametrize(
    "body", [b"no gzip", *map(gzip.compress, [b"1,b,%zz,1\n", b"1,b,k,12x\n"])], ids=["gzip", "key", "number"]
)
def test_a_part_of_what_is_wrong_is_an_error(tmp_path: Path, body: bytes) -> None:
    with opened([BODIES[0], body]) as table, pytest.raises(COSInventoryCorruptReportError) as raised:
        table.save_part(tmp_path / "part.parquet")
    assert raised.value.key == "reports/1.csv.gz"


def test_a_full_disk_may_pass(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    path.symlink_to("/dev/full")
    with opened(BODIES, rows=2 * ROWS) as table, pytest.raises(COSInventoryTransientError, match="No space") as raised:
        table.save_part(path)
    assert raised.value.parameter == "temp_directory"


def test_a_part_with_other_rows_than_the_manifest_says_is_an_error(tmp_path: Path) -> None:
    with opened(BODIES, rows=3) as table, pytest.raises(COSInventoryCorruptReportError, match="260000 rows"):
        table.save_part(tmp_path / "part.parquet")
