# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.inventory import Manifest
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.origin import PartOrigin
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from tests.table.tables import MANIFEST, opening, report_of, some_rows

BODIES = [some_rows(10, prefix=name) for name in "abc"]
REPORT = report_of(BODIES, rows=30)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    # The parts are made later than the engine, so they cannot be its inputs.
    with open_engine(EngineSettings(threads=2, allow_external_access=True)) as opened:
        yield opened


def options_of(origin: PartOrigin) -> str:
    ((key, text),) = origin.as_metadata().items()
    return f"FORMAT parquet, KV_METADATA {{{key}: {literal(text)}}}"


def write(
    engine: Engine, path: Path, places: Sequence[int], *, report: Manifest = REPORT, origin: Manifest | None = None
) -> str:
    """Write some files of a report as a part, and return its path."""
    files = [report.files[place] for place in places]
    table = ReportTable(engine=engine, report=report, files=files, open_file=opening(BODIES))
    table.save("FROM inventory", path, options=options_of(PartOrigin.of(origin or report, files)))
    return str(path)


@pytest.fixture
def parts(engine: Engine, tmp_path: Path) -> list[str]:
    """Two parts that are the whole report; one has a quote in its name."""
    return [write(engine, tmp_path / "it's one.parquet", [0, 2]), write(engine, tmp_path / "two.parquet", [1])]


def test_the_parts_of_a_report_are_the_report(engine: Engine, parts: list[str]) -> None:
    table = PartsTable(engine=engine, paths=parts)

    assert table.columns == ("Appid", "Bucket", "Key", "Size")
    assert table.open() == PartOrigin.of(REPORT, [REPORT.files[0], REPORT.files[2], REPORT.files[1]])
    found = table.fetch("SELECT count(DISTINCT Key) AS n, sum(Size) AS s FROM inventory", max_rows=1).rows
    assert found == [{"n": 30, "s": 135}]


def test_a_statement_may_read_parts_twice_and_under_another_name(engine: Engine, parts: list[str]) -> None:
    table = PartsTable(engine=engine, paths=parts, name='it is"old')

    sql = 'SELECT count(*) AS n FROM "it is""old" a JOIN "it is""old" b USING (Key)'
    assert table.fetch(sql, max_rows=1).rows == [{"n": 30}]


def test_an_origin_comes_back_whatever_its_characters(engine: Engine, tmp_path: Path) -> None:
    odd = report_of(BODIES, rows=30, manifest_key='清单/it\'s "x" $1 {}\n/manifest.json')
    path = write(engine, tmp_path / "x.parquet", [0, 1, 2], report=odd)

    assert PartsTable(engine=engine, paths=[path]).open() == PartOrigin.of(odd, odd.files)


def refusal(table: PartsTable) -> COSInventoryConfigurationError:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        table.fetch("FROM inventory", max_rows=100)
    assert raised.value.parameter == "parts"
    return raised.value


def test_a_disk_that_fails_may_pass(engine: Engine, parts: list[str]) -> None:
    table = PartsTable(engine=engine, paths=parts)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(used, before[0]), before[1]))
    holders = []
    try:
        with contextlib.suppress(OSError):
            while True:
                holders.append(os.dup(0))  # the numbers that are free below
        with pytest.raises(COSInventoryTransientError, match="Too many open files"):
            table.fetch("FROM inventory", max_rows=100)
    finally:
        for holder in holders:
            os.close(holder)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(table.fetch("FROM inventory", max_rows=100).rows) == 30


def test_a_missing_part_is_told_unless_it_is_meant(engine: Engine, parts: list[str]) -> None:
    error = refusal(PartsTable(engine=engine, paths=parts[:1]))
    assert "2 of the report's 3 data files" in error.message
    assert error.key == MANIFEST

    some = PartsTable(engine=engine, paths=parts[:1], allow_partial=True)
    assert some.fetch("SELECT count(*) AS n FROM inventory", max_rows=1).rows == [{"n": 20}]


def test_parts_of_two_reports_are_not_mixed(engine: Engine, parts: list[str], tmp_path: Path) -> None:
    other = report_of(BODIES, rows=30, manifest_key="reports/another/manifest.json")
    foreign = write(engine, tmp_path / "foreign.parquet", [1], report=other)

    for allow_partial in (False, True):
        error = refusal(PartsTable(engine=engine, paths=[parts[0], foreign], allow_partial=allow_partial))
        assert "different reports" in error.message
        assert "reports/another/manifest.json" in error.message


@pytest.mark.parametrize("allow_partial", [False, True])
def test_a_data_file_does_not_count_twice(
    engine: Engine, parts: list[str], tmp_path: Path, allow_partial: bool
) -> None:
    again = write(engine, tmp_path / "again.parquet", [1])

    assert "both hold" in refusal(PartsTable(engine=engine, paths=[*parts, again], allow_partial=allow_partial)).message
    assert "twice" in refusal(PartsTable(engine=engine, paths=[*parts, parts[0]])).message


def test_no_parts_are_an_error(engine: Engine) -> None:
    assert "no parts" in refusal(PartsTable(engine=engine, paths=[])).message


def test_parquet_of_another_kind_is_no_part(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    engine.run(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")

    assert str(path) in refusal(PartsTable(engine=engine, paths=[str(path)])).message


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", "{}", '{"files": 5}', '{"files": ["a"], "bucket": 5}', "[" * 100_000, "9" * 5000],
    ids=lambda text: text[:20],
)
def test_metadata_that_nobody_wrote_is_no_origin(engine: Engine, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.parquet"
    engine.run(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet, KV_METADATA {{cos_inventory: '{text}'}})")

    assert str(path) in refusal(PartsTable(engine=engine, paths=[str(path)])).message


@pytest.mark.parametrize("value", ["", [], False, 1.0], ids=repr)
@pytest.mark.parametrize("name", ["report_files", "matched_objects", "listed_objects", "has_plus", "has_escaped_plus"])
def test_metadata_of_other_types_is_no_origin(name: str, value: object) -> None:
    (written,) = (
        PartOrigin.of(REPORT, REPORT.files)
        .telling(spans=None, has_plus=True, has_escaped_plus=False)
        .as_metadata()
        .values()
    )
    assert PartOrigin.read(written) is not None
    is_right = value is False and name.startswith("has")
    assert (PartOrigin.read(json.dumps({**json.loads(written), name: value})) is not None) == is_right


@pytest.mark.parametrize("cut", [0, 3, 100, -1])
def test_a_part_that_is_cut_off_is_named(engine: Engine, parts: list[str], cut: int) -> None:
    whole = Path(parts[1]).read_bytes()
    Path(parts[1]).write_bytes(whole[:cut])

    assert parts[1] in refusal(PartsTable(engine=engine, paths=parts)).message


def test_a_part_that_is_not_there_is_named(engine: Engine, parts: list[str]) -> None:
    error = refusal(PartsTable(engine=engine, paths=[*parts, "/nowhere/three.parquet"]))
    assert error.message == "There is no file /nowhere/three.parquet."

    error = refusal(PartsTable(engine=engine, paths=[f"{parts[0]}/three.parquet"]))
    assert error.message == f"There is no file {parts[0]}/three.parquet."


def test_a_data_file_is_no_part(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "0.csv.gz"
    path.write_bytes(BODIES[0])

    error = refusal(PartsTable(engine=engine, paths=[str(path)]))

    assert "is a data file" in error.message
    assert "manifest" in str(error.hint)


def test_rows_that_do_not_add_up_are_a_corrupt_report(engine: Engine, tmp_path: Path) -> None:
    said = report_of(BODIES, rows=31)
    path = write(engine, tmp_path / "x.parquet", [0, 1, 2], origin=said)

    with pytest.raises(COSInventoryCorruptReportError, match="have 30 rows, the manifest says 31") as raised:
        PartsTable(engine=engine, paths=[path]).open()
    assert raised.value.key == MANIFEST


def test_a_pattern_is_no_part(engine: Engine, tmp_path: Path, parts: list[str]) -> None:
    assert len(parts) == 2

    for allow_partial in (False, True):
        refusal(PartsTable(engine=engine, paths=[str(tmp_path / "*.parquet")], allow_partial=allow_partial))


def test_a_path_is_no_pattern(engine: Engine, tmp_path: Path, parts: list[str]) -> None:
    # An asterisk would take the other part, too.
    Path(parts[1]).rename(tmp_path / "[t]wo*.parquet")
    table = PartsTable(engine=engine, paths=[parts[0], str(tmp_path / "[t]wo*.parquet")])

    assert table.fetch("SELECT count(*) AS n FROM inventory", max_rows=1).rows == [{"n": 30}]
