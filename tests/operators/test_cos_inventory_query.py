# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import structlog

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from tests.conftest import DESTINATION
from tests.support.reports import run, take_report

BY_KEY = "SELECT Key, Size FROM inventory ORDER BY Key"
ROWS = [
    {"Key": "logs/2026/a+b.gz", "Size": 5},
    {"Key": "readme.txt", "Size": 7},
    {"Key": "图片/一 二.jpg", "Size": 3},
]


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=1)


@pytest.fixture
def manifest(cos):
    return take_report()


@pytest.fixture
def parts(manifest, tmp_path):
    """The report as three local parts, each as COSInventoryToParquetOperator tells it."""
    folder = str(tmp_path / "parts")
    return [COSInventoryHook().to_parquet(manifest, batch=[file], destination=folder) for file in manifest["files"]]


def only_row(part):
    (row,) = ask(sql="SELECT Key FROM inventory", parts=[part], allow_partial=True)
    return row


def damage_keys(path):
    """Overwrite the keys of a part: who reads them fails."""
    metadata = pq.read_metadata(path)
    columns = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
    (column,) = [column for column in columns if column.path_in_schema == "Key"]
    with Path(path).open("r+b") as file:
        file.seek(column.data_page_offset)
        file.write(b"\xff" * column.total_compressed_size)


def ask(**parameters):
    return run(COSInventoryQueryOperator(task_id="ask", **parameters))


def ask_until_refused(**parameters):
    with pytest.raises(AirflowFailException) as raised:
        ask(**parameters)
    return raised.value.__cause__


class TestWhatIsAsked:
    def test_the_rows_of_a_report_are_returned(self, manifest):
        assert ask(sql=BY_KEY, manifest=manifest) == ROWS

    def test_the_rows_of_a_batch_are_returned(self, manifest):
        assert ask(sql="SELECT count(*) AS n FROM inventory", manifest=manifest, batch=manifest["files"][:2]) == [
            {"n": 2}
        ]

    def test_the_rows_of_parts_are_returned_however_they_are_given(self, parts):
        paths = [part["path"] for part in parts]
        assert ask(sql=BY_KEY, parts=parts) == ROWS
        assert ask(sql=BY_KEY, parts=paths) == ROWS
        assert ask(sql=BY_KEY, parts=json.dumps(paths)) == ROWS
        assert COSInventoryHook().query(sql=BY_KEY, parts=iter(parts)) == ROWS

    def test_values_are_bound(self, manifest, parts):
        sql = "SELECT Key FROM inventory WHERE Size >= $least AND Key <> $name"
        for parameters in ({"least": 5, "name": "' OR true --"}, '{"least": "5", "name": "x"}'):
            for source in ({"manifest": manifest}, {"parts": parts}):
                found = ask(sql=sql, parameters=parameters, **source)
                assert {row["Key"] for row in found} == {"logs/2026/a+b.gz", "readme.txt"}

    def test_values_are_bound_in_a_written_result(self, manifest, tmp_path):
        sql = "SELECT Key FROM inventory WHERE Size = $size"
        assert ask(sql=sql, parameters={"size": 7}, manifest=manifest, destination=f"{tmp_path}/x.csv")["rows"] == 1

    @pytest.mark.parametrize("source", ["manifest", "parts"])
    def test_sql_reads_the_worker_only_if_it_is_allowed(self, manifest, parts, tmp_path, source):
        (tmp_path / "file.txt").write_text("of the worker")
        given = {"manifest": manifest} if source == "manifest" else {"parts": parts}
        sql = f"SELECT content FROM read_text('{tmp_path}/file.txt')"
        error = ask_until_refused(sql=sql, **given)
        assert error.parameter == "sql"
        assert f"may not read or write {tmp_path}/file.txt" in error.message
        assert ask(sql=sql, allow_external_access=True, **given) == [{"content": "of the worker"}]

    @pytest.mark.parametrize("value", ["false", "{{ params.open }}", 0])
    def test_external_access_that_is_no_switch_is_an_import_error(self, value):
        with pytest.raises(COSInventoryConfigurationError) as raised:
            COSInventoryQueryOperator(task_id="ask", sql=BY_KEY, allow_external_access=value)
        assert raised.value.parameter == "allow_external_access"

    def test_one_part_on_cos_is_read_there(self, manifest):
        part = COSInventoryHook().to_parquet(manifest)
        assert part["path"].startswith("cos://")
        assert ask(sql=BY_KEY, parts=part) == ROWS
        assert ask(sql=BY_KEY, parts=part["path"]) == ROWS

    def test_parts_on_cos_tell_the_folders_of_their_keys(self, manifest):
        parts = [COSInventoryHook().to_parquet(manifest, batch=[file]) for file in manifest["files"]]
        with COSInventoryHook().open_parts([part["path"] for part in parts]) as table:
            assert table.at_depth(1) == "inventory_at_depth_1"
            assert table.at_depth(2) == "inventory_at_depth_2"
            rows = table.fetch("SELECT Key, key_folders FROM inventory_at_depth_1 ORDER BY Key", max_rows=9).rows
        assert [row["key_folders"] for row in rows] == ["logs/", "", "图片/"]

    @pytest.mark.parametrize("written", [False, True], ids=["returned", "written"])
    def test_local_parts_need_no_connection(self, parts, tmp_path, monkeypatch, written):
        monkeypatch.delenv("AIRFLOW_CONN_COS_DEFAULT")
        path = tmp_path / "result.csv"
        result = ask(sql=BY_KEY, parts=parts, destination=str(path) if written else None)
        assert result == ({"path": str(path), "rows": 3, "bytes": path.stat().st_size} if written else ROWS)

    @pytest.mark.parametrize("query", ["by_prefix", "by_class_and_prefix"])
    def test_a_query_by_prefix_reads_no_keys_where_a_part_tells_their_folders(self, manifest, parts, query):
        expected = ask(query=query, query_arguments={"depth": 1}, manifest=manifest)
        for part, key in zip(parts, (row["Key"] for row in map(only_row, parts)), strict=True):
            if "/" in key:
                damage_keys(part["path"])
        with pytest.raises(AirflowFailException):
            ask(sql="SELECT max(Key) AS k, max(length(Key)) AS n FROM inventory", parts=parts)
        assert ask(query=query, query_arguments={"depth": 1}, parts=parts) == expected

    @pytest.mark.parametrize("source", ["manifest", "parts"])
    def test_a_ready_made_query_is_asked_by_its_name(self, manifest, parts, source):
        rows = ask(query="by_prefix", query_arguments={"depth": 1}, **{source: locals()[source]})
        assert {row["prefix"]: row["bytes"] for row in rows}.items() >= {("logs/", 5), ("图片/", 3)}
        assert rows == ask(query="by_prefix", query_arguments='{"depth": 1}', **{source: locals()[source]})

    def test_each_value_is_json(self, manifest):
        (row,) = ask(sql="SELECT * FROM inventory WHERE Tag IS NOT NULL", manifest=manifest)
        assert json.loads(json.dumps(row)) == row
        assert row["Tag"] == {"age": "18"}
        assert row["LastModifiedDate"].endswith("+00:00")

    def test_duckdb_takes_what_the_parameters_say(self, manifest, tmp_path):
        sql = (
            "SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads,"
            " current_setting('temp_directory') AS folder FROM inventory LIMIT 1"
        )
        (row,) = ask(sql=sql, manifest=manifest, memory_limit="256MiB", threads=1, temp_directory=str(tmp_path))
        assert (row["memory"], row["threads"]) == ("256.0 MiB", 1)
        assert row["folder"].startswith(str(tmp_path))

    def test_the_connection_is_the_one_that_is_named(self, manifest):
        with pytest.raises(COSInventoryTransientError, match="'another'"):
            ask(sql=BY_KEY, manifest=manifest, cos_conn_id="another")

    def test_the_sql_is_a_template(self, manifest):
        task = COSInventoryQueryOperator(task_id="ask", sql="SELECT {{ params.n }} AS n FROM inventory LIMIT 1")
        task.render_template_fields({"params": {"n": 3}})
        assert ask(sql=task.sql, manifest=manifest) == [{"n": 3}]

    def test_a_file_of_sql_is_a_template(self, tmp_path):
        (tmp_path / "ask.sql").write_text("SELECT {{ params.n }}")
        from jinja2 import Environment, FileSystemLoader

        task = COSInventoryQueryOperator(task_id="ask", sql="ask.sql", manifest={})
        environment = Environment(loader=FileSystemLoader(tmp_path), autoescape=False)
        task.render_template_fields({"params": {"n": 3}}, jinja_env=environment)
        assert task.sql == "SELECT 3"


class TestWrittenResults:
    def test_csv_has_a_header(self, cos, manifest):
        path = f"cos://{DESTINATION}/results/all of it.csv"
        result = ask(sql=BY_KEY, manifest=manifest, destination=path)
        body = cos.get_object(DESTINATION, "results/all of it.csv")
        assert result == {"path": path, "rows": 3, "bytes": len(body)}
        assert list(csv.DictReader(io.StringIO(body.decode()))) == [
            {"Key": row["Key"], "Size": str(row["Size"])} for row in ROWS
        ]

    def test_parquet_is_zstd_and_keeps_the_order(self, cos, parts, tmp_path):
        path = tmp_path / "new" / "result.parquet"
        result = ask(sql=BY_KEY, parts=parts, destination=str(path))
        assert result == {"path": str(path), "rows": 3, "bytes": path.stat().st_size}
        assert duckdb.sql(f"FROM '{path}'").fetchall() == [tuple(row.values()) for row in ROWS]
        codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall()
        assert codecs == [("ZSTD",)]

    def test_a_format_may_be_told(self, cos, parts, tmp_path):
        ask(sql=BY_KEY, parts=parts, destination=str(tmp_path / "result"), format="parquet")
        assert (tmp_path / "result").read_bytes().startswith(b"PAR1")

    def test_what_is_written_has_no_limit_and_takes_the_place_of_what_was_there(self, cos, parts, tmp_path):
        path = tmp_path / "result.csv"
        path.write_text("before")
        assert ask(sql=BY_KEY, parts=parts, destination=str(path), max_rows=1)["rows"] == 3
        assert path.read_text().startswith("Key,Size\n")

    def test_what_was_there_stays_where_the_report_is_corrupt(self, cos, manifest, tmp_path):
        path = tmp_path / "result.csv"
        path.write_text("before")
        cos.fault(action="GetObject", key=r"\.csv\.gz$", nth=2, corrupt_at=5)
        error = ask_until_refused(sql=BY_KEY, manifest=manifest, destination=str(path))
        assert isinstance(error, COSInventoryCorruptReportError)
        assert [found.name for found in tmp_path.iterdir()] == ["result.csv"]
        assert path.read_text() == "before"

    def test_a_forbidden_destination_is_told_before_a_data_file_is_read(self, cos, manifest):
        cos.fault(method="HEAD", bucket=DESTINATION, status=403, times=None)
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = ask_until_refused(sql=BY_KEY, manifest=manifest, destination=f"cos://{DESTINATION}/x.csv")
        assert isinstance(error, COSInventoryPermissionError)
        assert error.parameter == "destination"
        assert cos.faults()[1]["seen"] == 0

    @pytest.mark.parametrize(
        ("parameters", "parameter"),
        [
            ({"destination": "/tmp/result"}, "format"),
            ({"destination": "/tmp/result.json"}, "format"),
            ({"destination": "/tmp/result.csv", "format": "xlsx"}, "format"),
            ({"format": "csv"}, "format"),
            ({"destination": "result.csv"}, "destination"),
            ({"destination": f"cos://{DESTINATION}/"}, "destination"),
            ({"destination": f"cos://{DESTINATION}/folder/", "format": "csv"}, "destination"),
        ],
    )
    def test_a_wrong_place_or_format_is_named(self, manifest, parameters, parameter):
        error = ask_until_refused(sql=BY_KEY, manifest=manifest, **parameters)
        assert isinstance(error, COSInventoryConfigurationError)
        assert error.parameter == parameter


class TestWhatIsWrong:
    def test_sql_that_is_wrong_is_told_with_the_place_and_the_columns_there_are(self, cos, manifest):
        cos.fault(method="GET", key=r"\.csv\.gz$", status=500, times=None)
        error = ask_until_refused(sql="SELECT Key,\n  Sise FROM inventory", manifest=manifest)
        assert error.parameter == "sql"
        for part in ("LINE 2", "Sise", "^", '"Size"', '"LastModifiedDate"'):
            assert part in str(error)
        assert cos.faults()[0]["seen"] == 0

    @pytest.mark.parametrize("sql", ["DROP TABLE inventory", "SELECT 1; SELECT 2", "COPY inventory TO '/tmp/x'"])
    def test_anything_but_one_select_is_refused(self, manifest, sql):
        assert ask_until_refused(sql=sql, manifest=manifest).parameter == "sql"

    def test_more_rows_than_may_be_returned_are_refused(self, manifest):
        error = ask_until_refused(sql=BY_KEY, manifest=manifest, max_rows=2)
        assert error.parameter == "max_rows"
        assert "more than 2 rows" in str(error)
        assert "destination" in str(error)
        assert ask(sql=BY_KEY, manifest=manifest, max_rows=3) == ROWS

    def test_a_thousand_rows_may_be_returned(self, manifest):
        assert len(ask(sql="SELECT unnest(range(1000)) AS n FROM inventory LIMIT 1000", manifest=manifest)) == 1000
        error = ask_until_refused(sql="SELECT unnest(range(1001)) AS n FROM inventory LIMIT 1001", manifest=manifest)
        assert error.parameter == "max_rows"

    def test_a_limit_may_be_as_large_as_duckdb_counts(self, manifest):
        assert ask(sql=BY_KEY, manifest=manifest, max_rows=2**63 - 2) == ROWS

    @pytest.mark.parametrize("max_rows", [0, -1, 2**63 - 1, "10", True, None])
    def test_a_limit_that_is_none_is_named(self, manifest, max_rows):
        assert ask_until_refused(sql=BY_KEY, manifest=manifest, max_rows=max_rows).parameter == "max_rows"

    @pytest.mark.parametrize(
        ("parameters", "names"),
        [
            ({"manifest": {}}, "sql, query"),
            ({"sql": "", "query": "", "manifest": {}}, "sql, query"),
            ({"sql": BY_KEY, "query": "by_prefix", "manifest": {}}, "sql, query"),
            ({"sql": BY_KEY}, "manifest, parts"),
            ({"sql": BY_KEY, "manifest": {}, "parts": []}, "manifest, parts"),
            ({"sql": BY_KEY, "parts": ["/x"], "batch": []}, "batch"),
            ({"sql": BY_KEY, "manifest": {}, "query_arguments": {"depth": 1}}, "query_arguments"),
            ({"query": "by_prefix", "manifest": {}, "parameters": {"depth": 1}}, "parameters"),
            ({"sql": BY_KEY, "manifest": {}, "parameters": "{'least': 1}"}, "parameters"),
            ({"sql": BY_KEY, "parts": [{"rows": 1}]}, "parts"),
            ({"sql": BY_KEY, "parts": [None]}, "parts"),
            ({"sql": BY_KEY, "parts": 3}, "parts"),
            ({"sql": BY_KEY, "parts": []}, "parts"),
            ({"query": "by_colour", "parts": ["/x"]}, "parts"),
            ({"query": "by_prefix", "query_arguments": "{'depth': 1}", "manifest": {}}, "query_arguments"),
        ],
    )
    def test_what_contradicts_or_is_missing_is_named(self, cos, parameters, names):
        error = ask_until_refused(**parameters)
        assert isinstance(error, COSInventoryConfigurationError)
        assert error.parameter == names

    @pytest.mark.parametrize(
        ("parameters", "hint"),
        [
            (
                {"query_arguments": "{'depth': 2}", "manifest": {}},
                'Give a mapping, such as {"depth": 2}, or JSON of one',
            ),
            ({"manifest": "{'bucket': 'x'}"}, "Pass the output of the task before, such as wait.output"),
        ],
    )
    def test_the_text_of_a_python_value_is_told_with_what_to_give(self, cos, parameters, hint):
        error = ask_until_refused(query="by_prefix", **parameters)
        assert error.hint == f"{hint}, or add | tojson in a template."

    def test_a_ready_made_query_that_is_none_or_has_no_such_argument_is_named(self, manifest):
        error = ask_until_refused(query="by_colour", manifest=manifest)
        assert error.parameter == "query"
        assert "by_prefix" in str(error)
        assert ask_until_refused(query="by_prefix", query_arguments={"deep": 1}, manifest=manifest).parameter == "deep"

    def test_the_missing_extra_is_told_with_what_to_type(self, manifest, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)
        for source in ({"manifest": manifest}, {"parts": ["/x.parquet"]}):
            error = ask_until_refused(sql=BY_KEY, **source)
            assert "pip install 'airflow-provider-cosinv[table]'" in str(error)

    @pytest.mark.usefixtures("impatient_retries")
    def test_what_a_retry_may_heal_is_left_to_a_retry(self, cos, manifest):
        part = COSInventoryHook().to_parquet(manifest)
        cos.fault(status=503, times=None)
        for source in ({"manifest": manifest}, {"parts": part}):
            with pytest.raises(COSInventoryTransientError):
                ask(sql=BY_KEY, **source)


class TestWrongParts:
    def test_a_part_that_is_missing_is_an_error_unless_it_is_meant(self, parts):
        error = ask_until_refused(sql=BY_KEY, parts=parts[:2])
        assert error.parameter == "parts"
        assert "2 of the report's 3 data files" in str(error)
        assert len(ask(sql=BY_KEY, parts=parts[:2], allow_partial=True)) == 2

    def test_parts_of_two_reports_are_refused(self, parts, tmp_path):
        other = COSInventoryHook().to_parquet(take_report(), destination=str(tmp_path / "parts"))
        error = ask_until_refused(sql=BY_KEY, parts=[*parts, other])
        assert error.parameter == "parts"
        assert "different reports" in str(error)

    def test_a_part_twice_is_refused(self, parts):
        assert "named twice" in str(ask_until_refused(sql=BY_KEY, parts=[*parts, parts[0]]))

    def test_a_part_that_is_not_there_is_named(self, cos, tmp_path):
        missing = str(tmp_path / "part.parquet")
        assert missing in str(ask_until_refused(sql=BY_KEY, parts=[missing]))
        error = ask_until_refused(sql=BY_KEY, parts=[f"cos://{DESTINATION}/gone.parquet"])
        assert isinstance(error, COSInventoryNotFoundError)
        assert (error.bucket, error.key) == (DESTINATION, "gone.parquet")


def test_one_line_of_the_log_says_what_came_of_it(cos, manifest, tmp_path):
    with structlog.testing.capture_logs() as entries:
        ask(sql=BY_KEY, manifest=manifest)
        ask(sql=BY_KEY, manifest=manifest, destination=str(tmp_path / "x.csv"))
    returned, written = [entry["event"] for entry in entries if entry["log_level"] == "info"]
    assert returned.startswith("3 rows returned in ")
    assert written.startswith(f"3 rows written to {tmp_path}/x.csv (")
    assert str(cos.connection["password"]) not in repr(entries)


def test_a_task_function_does_the_same_through_the_hook(manifest):
    assert COSInventoryHook().query(sql=BY_KEY, manifest=manifest) == ROWS
