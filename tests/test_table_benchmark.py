# SPDX-License-Identifier: Apache-2.0
"""
The benchmark of the table, small: what it makes, and that those who can run here agree.

polars, pyarrow and pandas are no part of the tests' environment; the command itself compares them each time.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from benchmarks.table import Benchmark
from benchmarks.table_data import ReportFolder
from benchmarks.table_rivals.figures import Result, as_markdown, goals
from benchmarks.table_rivals.measure import Measurement, measure

pytestmark = pytest.mark.integration

ROWS = 2_000
FILES = 4


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = ReportFolder(path=tmp_path_factory.mktemp("reports"), rows=ROWS, files=FILES)
    folder.make()
    return folder


@pytest.fixture
def benchmark_of(reports):
    def make(*rivals):
        return Benchmark(folder=reports.path, rows=ROWS, files=FILES, runs=1, rivals=rivals, say=lambda _: None)

    return make


def records_of(reports, name):
    report = reports.manifest(name)
    for file in report.files:
        chunks = [(reports.path / file.key).read_bytes()]
        yield list(read_records(chunks, file=file, bucket=report.bucket, columns=report.columns))


def test_the_report_is_what_its_manifest_says_and_its_keys_are_in_order(reports):
    files = list(records_of(reports, "first"))
    records = [record for file in files for record in file]
    manifest = reports.manifest("first")
    assert (len(records), len(files)) == (manifest.matched_objects, len(manifest.files)) == (ROWS, FILES)
    assert sum(record.size for record in records) == manifest.matched_bytes
    assert all(keys == sorted(keys) for keys in ([record.key.encode() for record in file] for file in files))
    assert len({record.key for record in records}) == ROWS


def test_the_rows_are_of_all_the_kinds_that_are_told_of(reports):
    records = [record for file in records_of(reports, "first") for record in file]
    keys = [record.key for record in records]
    assert min(map(len, keys)) >= 20
    assert 100 < max(map(len, keys)) <= 120
    assert all(any(sign in key for key in keys) for sign in ("用户", '"', ",", "+", " ", "="))
    assert {record.storage_class for record in records} >= {"STANDARD", "STANDARD_IA", "ARCHIVE", "DEEP_ARCHIVE"}
    assert {record.is_multipart_uploaded for record in records} == {True, False}
    assert 0.3 < sum(record.tag is not None for record in records) / ROWS < 0.5
    assert any('"' in record.tag for record in records if record.tag)
    assert any("%" in record.tag for record in records if record.tag)


def test_a_hundredth_each_is_gone_new_and_changed_in_the_second_report(reports):
    first, second = (
        {record.key: record for file in records_of(reports, name) for record in file} for name in ("first", "second")
    )
    changed = [key for key in first.keys() & second.keys() if first[key] != second[key]]
    for found in (first.keys() - second.keys(), second.keys() - first.keys(), changed):
        assert ROWS / 200 < len(found) < ROWS / 50


def test_the_tenfold_report_lists_the_first_ones_bytes_under_ten_names(reports):
    first, tenfold = reports.manifest("first"), reports.manifest("tenfold")
    assert tenfold.matched_objects == 10 * ROWS
    assert len({file.key for file in tenfold.files}) == len(tenfold.files) == 10 * FILES
    assert {file.md5 for file in tenfold.files} == {file.md5 for file in first.files}


def test_the_same_rows_come_out_each_time_and_what_is_there_is_kept(reports, tmp_path):
    again = replace(reports, path=tmp_path)
    again.make()
    assert again.manifest("second") == reports.manifest("second")
    marked = tmp_path / again.manifest("first").files[0].key
    made = marked.stat().st_mtime_ns
    again.make()
    assert marked.stat().st_mtime_ns == made
    replace(again, rows=ROWS // 2).make()
    assert again.manifest("first").matched_objects == ROWS // 2


def test_the_rivals_sums_and_records_are_equal(benchmark_of):
    results = benchmark_of("this_package", "bare_duckdb", "csv_loop", "limit").run(["aggregate", "records"])
    sums = {rival: result.runs[0].answer for rival, result in results["aggregate"].items()}
    assert sums["this_package"] == sums["bare_duckdb"] == sums["csv_loop"]
    assert sum(objects for _, _, objects, _ in sums["this_package"]) == ROWS
    assert sums["limit"] is None
    assert results["records"]["this_package"].runs[0].answer == results["records"]["csv_loop"].runs[0].answer
    assert all(result.peak_mib > 5 for result in results["aggregate"].values())


def test_parquet_of_this_package_and_of_bare_duckdb_are_equal_and_so_are_sums_and_diffs_of_it(benchmark_of):
    results = benchmark_of("this_package", "bare_duckdb", "reading").run(
        ["parquet", "aggregate_parquet", "diff"], with_tenfold=True
    )
    for work in ("parquet", "aggregate_parquet", "diff"):
        ours, theirs = (results[work][rival].runs[0].answer for rival in ("this_package", "bare_duckdb"))
        assert ours == theirs
    assert results["diff"]["reading"].runs[0].answer is None
    assert "tags" in results["parquet"]["this_package"].runs[0].answer
    assert results["parquet tenfold"]["this_package"].runs[0].answer["rows"] == str(10 * ROWS)


def test_the_command_fails_where_a_rivals_result_differs(benchmark_of, reports, monkeypatch):
    def measured(rival, work, task):
        found = measure(rival, work, task)
        return replace(found, answer=found.answer[1:]) if rival == "csv_loop" else found

    monkeypatch.setattr("benchmarks.table.measure", measured)
    with pytest.raises(ValueError, match="csv_loop found"):
        benchmark_of("this_package", "csv_loop").run(["aggregate"])


def test_a_rival_that_fails_ends_the_command(reports, benchmark_of, capfd):
    broken = reports.manifest("first").files[0]
    path = reports.path / broken.key
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-9] + b"\0" + whole[-8:])
        with pytest.raises(RuntimeError, match="this_package failed at aggregate"):
            benchmark_of("this_package").run(["aggregate"])
    finally:
        path.write_bytes(whole)
    assert "MD5" in capfd.readouterr().err


def test_the_tables_show_medians_and_the_goals_what_is_not_met():
    def result(*walls):
        return Result(1000, [Measurement(wall=wall, cpu=1, peak=1 << 20, answer=None) for wall in walls])

    results = {
        "aggregate": {"this_package": result(1, 2, 9), "with_polars": result(1), "csv_loop": result(8)},
        "aggregate_parquet": {"this_package": result(0.25)},
    }
    printed = as_markdown(results)
    assert "| **this package** | 2.00 | 1.00 | 1 | 500 | 1.00 |" in printed
    assert "| polars | 1.00 | 1.00 | 1 | 1,000 | 0.50 |" in printed
    rows = [str(goal) for goal in goals(results)]
    assert "| Sums from csv.gz: time of the fastest other | at least 1 | 0.50, **not met** |" in rows
    assert "| Sums from Parquet, in sums from csv.gz | under 0.15 | 0.12 |" in rows
